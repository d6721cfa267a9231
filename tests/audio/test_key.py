import numpy as np
import pytest

from vmas_pipeline.audio.key import KEYS, Key, estimate_key
from vmas_pipeline.audio.pitch import chroma

RATE = 16_000
CADENCES = {
    "major": ((0, 4, 7), (5, 9, 12), (7, 11, 14), (0, 4, 7)),
    "minor": ((0, 3, 7), (5, 8, 12), (7, 11, 14), (0, 3, 7)),
}


def cadence(key: Key) -> np.ndarray:
    """I IV V I, half a second each, in sines."""
    time = np.arange(RATE // 2) / RATE
    chords = [[57 + (key.tonic - 9) % 12 + step for step in chord] for chord in CADENCES[key.mode]]
    tones = [[np.sin(2 * np.pi * 440 * 2 ** ((note - 69) / 12) * time) for note in chord] for chord in chords]
    return np.concatenate([np.mean(chord, axis=0) for chord in tones]).astype(np.float32)


@pytest.mark.parametrize("key", KEYS[::5], ids=str)
def test_a_cadence_has_its_key(key):
    assert estimate_key(chroma(cadence(key), RATE)) == key


def test_silence_has_no_key():
    assert estimate_key(chroma(np.zeros(RATE, np.float32), RATE)) is None
    assert estimate_key(np.zeros((0, 12))) is None


def test_keys_have_names():
    assert str(Key(tonic=10, mode="major")) == "Bb major"
    assert len({str(key) for key in KEYS}) == 24
