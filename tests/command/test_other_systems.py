import numpy as np
import pytest

from vmas_pipeline.command.main import main
from vmas_pipeline.media import read_audio

from ..tiny_model import film
from ..tiny_musicgen import tiny_parts


@pytest.fixture
def video(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return film(tmp_path / "film.mp4", 1.5)


@pytest.mark.parametrize("name", ["flow-peaks", "flow_peaks", "nearest-track", "metronome"])
def test_any_system_makes_the_music_of_a_film(name, video, world, capsys):
    arguments = ["--system", name, "--source", str(world.features), "--seed", "3"]
    main(["generate", str(video), "--out", "out.mp4", *arguments])
    assert f"music by {name.replace('-', '_')} with seed 3" in capsys.readouterr().out
    sound = read_audio(video.with_name("out.mp4"), sample_rate=16_000, duration_s=1.5)[0]
    assert np.abs(sound).max() > 0.01


def test_a_track_is_repeated_where_the_film_is_longer(world, tmp_path):
    from vmas_pipeline.systems import load_system

    long = film(tmp_path / "long.mp4", 12.0)
    music = load_system("random_track", world.features).generate(long).waveform[0]
    assert len(music) == 12 * 16_000
    period = next(n for n in range(79_000, 85_000) if np.array_equal(music[n : n + 16_000], music[:16_000]))
    np.testing.assert_array_equal(music[period : 2 * period], music[:period])


def test_published_musicgen_reads_a_caption_given_by_hand(video, tmp_path, capsys):
    tiny_parts(tmp_path / "parts")
    arguments = ["--system", "musicgen-captions", "--source", "parts", "--caption", "a calm sea"]
    main(["generate", str(video), "--out", "out.mp4", *arguments])
    said = capsys.readouterr().out
    assert "CC BY-NC 4.0: not for commercial use" in said and "music by musicgen_captions" in said
    assert read_audio(tmp_path / "out.mp4", sample_rate=8000).shape[1] >= 1.4 * 8000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--system", "theremin"], "system theremin is unknown: choose one of vmas, codec"),
        (["--system", "silence", "--top-k", "3"], "--top-k is for our model, not for --system silence"),
        (["--system", "silence", "--caption", "sea"], "--caption is for --system musicgen-captions, not for silence"),
        (["--system", "mvpt"], "08_experiments/comparison/mvpt-0/mvpt is no model of MVPt"),
        (["--system", "vid2mldm"], "vid2mldm-0/vid2mldm is no model of Vid2MLDM: train it as a variant"),
        (["--system", "nearest-track"], "no data/03_features/train/index.parquet: run `kedro run"),
        (["--caption", "sea"], "--caption and --source are for another --system"),
    ],
)
def test_what_does_not_fit_the_system_is_one_line(arguments, message, video, capsys):
    with pytest.raises(SystemExit):
        main(["generate", str(video), "--out", "out.mp4", *arguments])
    errors = capsys.readouterr().err
    assert message in errors and errors.count("\n") == 1
    assert not video.with_name("out.mp4").exists()
