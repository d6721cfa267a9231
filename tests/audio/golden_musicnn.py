"""Makes golden_musicnn.npz: the original musicnn, under TensorFlow, on the signals and patches of test_tagger.py.

Run once, in an environment of its own (TensorFlow is no part of the project's):

    python3 -m venv /tmp/tf && /tmp/tf/bin/pip install tensorflow-cpu tf_keras librosa soundfile
    /tmp/tf/bin/pip install --no-deps musicnn==0.1.0
    TF_USE_LEGACY_KERAS=1 /tmp/tf/bin/python tests/audio/golden_musicnn.py

Written with tensorflow-cpu 2.21, tf_keras 2.21, librosa 0.11.
"""

import runpy
import tempfile
from pathlib import Path

import numpy as np
import soundfile
import tensorflow as tf
from musicnn import extractor as original
from musicnn import models

HERE = Path(__file__).parent
MODELS = ("MTT_musicnn", "MSD_musicnn")


def network(model, patches):
    """Probabilities and penultimate layer of the original graph for float32 patches [B, 187, 96]."""
    tf.compat.v1.reset_default_graph()
    with tf.name_scope("model"):
        x = tf.compat.v1.placeholder(tf.float32, [None, 187, 96])
        training = tf.compat.v1.placeholder(tf.bool)
        outputs = models.define_model(x, training, model, 50)
    with tf.compat.v1.Session() as session:
        folder = Path(original.__file__).parent / model
        tf.compat.v1.train.Saver().restore(session, f"{folder}/")
        return session.run([tf.nn.sigmoid(outputs[0]), outputs[-1]], {x: patches, training: False})


def main():
    signals, golden = runpy.run_path(str(HERE / "golden_signals.py")), {}
    quiet, patches = signals["music"](), signals["patches"]()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "music.wav"
        soundfile.write(path, quiet, 16_000, subtype="FLOAT")
        for model in MODELS:
            taggram, tags, features = original.extractor(str(path), model=model)
            probabilities, penultimate = network(model, patches)
            golden |= {
                f"{model}/extractor/probabilities": taggram,
                f"{model}/extractor/penultimate": features["penultimate"][:1],  # the original repeats the first patch's
                f"{model}/network/probabilities": probabilities,
                f"{model}/network/penultimate": penultimate,
                f"{model}/tags": np.array(tags),
            }
    np.savez_compressed(HERE / "golden_musicnn.npz", **golden)


if __name__ == "__main__":
    main()
