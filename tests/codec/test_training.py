import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from vmas_pipeline import tracking
from vmas_pipeline.codec.config import CodecConfig, SinusoidalCodecConfig
from vmas_pipeline.codec.interface import load_codec
from vmas_pipeline.codec.sinusoidal import SinusoidalCodec
from vmas_pipeline.codec.training import fit, read_clips, train_codec
from vmas_pipeline.media import ClipSpec

CLIP = ClipSpec(duration_s=1.0, sample_rate=16000, frame_size=32)
SMALL = CodecConfig(
    model=SinusoidalCodecConfig(width=16, code_width=8, card=16, blocks=1), steps=12, batch=2, crop_s=0.5, threads=1
)


def notes(count):
    t = np.arange(16000) / 16000
    tones = [np.sin(2 * np.pi * f * t) * np.exp(-6 * (t % 0.5)) for f in np.linspace(200, 2000, count)]
    return 0.3 * np.stack(tones).astype(np.float32)


@pytest.fixture
def manifest(tmp_path):
    rows = []
    for number, wave in enumerate(notes(6)):
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, wave, 16000)
        rows.append({"audio_path": str(path), "start_s": 0.0, "split": "train" if number < 4 else "validation"})
    return pd.DataFrame(rows)


def trained(config):
    torch.manual_seed(config.seed)
    codec, losses = SinusoidalCodec(config.model), []
    fit(codec, notes(4), config, lambda step, found: losses.append(found))
    return codec, losses


@pytest.fixture(scope="module")
def losses_of_60_steps():
    return trained(CodecConfig(model=SMALL.model, steps=60, batch=2, crop_s=0.5))[1]


@pytest.mark.parametrize("name", ["mel_l1", "partials_mse"])
def test_training_lowers_the_losses(losses_of_60_steps, name):
    values = [found[name] for found in losses_of_60_steps]
    assert np.mean(values[-10:]) < 0.85 * np.mean(values[:10])


def test_the_same_seed_gives_the_same_codec():
    (first, losses), (second, again) = trained(SMALL), trained(SMALL)
    assert losses == again
    for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_train_codec_leaves_a_codec_that_loads_and_its_figures_in_the_run(manifest, tmp_path, monkeypatch):
    monkeypatch.setenv(tracking.URI_VARIABLE, "")  # so that what configure() sets is undone
    monkeypatch.delenv(tracking.URI_VARIABLE)
    tracking.configure(tmp_path)
    run_id = tracking.start_run("codec", {}, {})
    try:
        figures = train_codec(SMALL, CLIP, manifest, tmp_path / "codec", tracking.RunLogger(run_id))
    finally:
        tracking.end_run()
    codec = load_codec(tmp_path / "codec")
    assert codec.encode(torch.zeros(1, 1, 16000)).shape == (1, 4, 50)
    assert 0 <= figures["codec/onset_f1"] <= 1
    client = tracking.RunLogger(run_id)._client
    logged = client.get_run(run_id).data.metrics
    assert logged["codec/onset_f1"] == pytest.approx(figures["codec/onset_f1"])
    assert [m.step for m in client.get_metric_history(run_id, "codec/train/mel_l1")] == [10, 12]
    assert {a.path for a in client.list_artifacts(run_id, "audio/codec")} >= {"audio/codec/0-original.wav"}
    assert client.list_artifacts(run_id, "figures")


@pytest.mark.parametrize("source", ["encodec_folder", "audiocraft_file"])
def test_a_pretrained_codec_is_copied_over_another_kind_and_measured(source, manifest, tmp_path, request):
    SinusoidalCodec(SMALL.model).save(tmp_path / "codec")
    clip, path = ClipSpec(duration_s=1.0, sample_rate=32000, frame_size=32), str(request.getfixturevalue(source))
    metrics = train_codec(CodecConfig(pretrained=path), clip, manifest, tmp_path / "codec", None)
    assert 0 <= metrics["codec/onset_f1"] <= 1
    waveform = torch.from_numpy(notes(1))[:, None]
    assert torch.equal(load_codec(tmp_path / "codec").encode(waveform), load_codec(path).encode(waveform))


def test_a_clip_that_cannot_be_read_is_left_out(manifest):
    manifest.loc[0, "audio_path"] = "/nowhere.mp4"
    assert read_clips(manifest, "train", 10, CLIP).shape == (3, 16000)


def test_few_clips_are_taken_evenly(manifest):
    found = read_clips(manifest, "train", 2, CLIP)
    np.testing.assert_allclose(found, notes(6)[[0, 3]], atol=1e-4)


@pytest.mark.parametrize(
    ("config", "clip", "message"),
    [
        (SMALL, ClipSpec(duration_s=1.0, sample_rate=32000), r"sample rate \(16000\) must be .* \(32000\)"),
        (SMALL, ClipSpec(duration_s=0.25, sample_rate=16000), "lower codec.crop_s"),
    ],
)
def test_settings_that_do_not_fit_the_clips_are_refused(config, clip, message, manifest, tmp_path):
    with pytest.raises(ValueError, match=message):
        train_codec(config, clip, manifest, tmp_path, None)


def test_a_split_without_clips_is_named(manifest, tmp_path):
    with pytest.raises(ValueError, match="split 'train' has no readable clip"):
        train_codec(SMALL, CLIP, manifest[manifest["split"] != "train"], tmp_path, None)
