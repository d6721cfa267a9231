import numpy as np
import pytest

from vmas_pipeline.features.shards import read_clips, read_index
from vmas_pipeline.systems import load_system, musicgen_captions

from ..tiny_model import film
from ..tiny_musicgen import WORDS, tiny_parts


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    return tiny_parts(tmp_path_factory.mktemp("parts"))


@pytest.fixture(scope="module")
def system(parts):
    return load_system("musicgen_captions", parts)


@pytest.fixture
def short(monkeypatch):
    """As if MusicGen had been trained on a second."""
    monkeypatch.setattr(musicgen_captions, "MOST_S", 1.0)
    monkeypatch.setattr(musicgen_captions, "PROMPT_S", 0.4)


def test_a_film_gets_music_of_its_length_at_musicgens_rate(system, tmp_path):
    video = film(tmp_path / "film.mp4", 1.3)
    music = system.generate(video, seed=1)
    assert music.sample_rate == 8000 and music.waveform.shape == (1, round(1.3 * 8000))
    assert np.abs(music.waveform).max() > 0
    np.testing.assert_array_equal(system.generate(video, seed=1).waveform, music.waveform)
    assert not np.array_equal(system.generate(video, seed=2).waveform, music.waveform)
    assert system.generate(video, seconds=0.5).waveform.shape == (1, 4000)


def test_beyond_its_own_length_each_piece_continues_the_last_seconds(system, short, monkeypatch):
    heard = []
    make = system._piece

    def listen(caption, prompt, most):
        heard.append((prompt, make(caption, prompt, most)))
        return heard[-1][1]

    monkeypatch.setattr(system, "_piece", listen)
    music = system._music("a dog runs", 2.0, seed=0)
    assert [len(prompt) for prompt, _ in heard] == [0, 3200, 3200]
    ends = np.cumsum([len(piece) for _, piece in heard])
    for (prompt, _), end in zip(heard[1:], ends, strict=False):
        made = np.concatenate([piece for _, piece in heard])
        np.testing.assert_array_equal(prompt, made[end - 3200 : end])
    assert len(heard[0][1]) == pytest.approx(8000, abs=160) and len(music) == 16_000


def test_a_clips_music_does_not_depend_on_its_batch(system, world):
    clips = list(read_clips(world.features / "test", read_index(world.features / "test")))[:2]
    short = [type(clip)(**{**vars(clip), "row": {**clip.row, "duration_s": 0.5}}) for clip in clips]
    music = system.generate_clips(short, seed=3)
    assert music.shape == (2, 4000)
    np.testing.assert_array_equal(system.generate_clips(short[1:], seed=3)[0], music[1])


def test_the_caption_is_in_the_captioners_words_and_the_music_follows_it(system, parts):
    frames = np.random.default_rng(0).integers(0, 255, (6, 64, 64, 3), np.uint8)
    words = system.captioner(frames).split()
    assert 1 < len(words) <= 20 and set(words) <= set(WORDS)
    by_hand = load_system("musicgen_captions", parts, caption="a calm sea")
    assert by_hand.captioner is None and by_hand.about()["captioner"] == "a calm sea"
    assert by_hand.revision != system.revision
    calm, fast = (system._music(text, 0.4, seed=0) for text in ("a calm sea", "a fast car"))
    assert not np.array_equal(calm, fast)


def test_the_licence_is_shown_where_it_is_chosen(parts, capsys):
    about = load_system("musicgen_captions", parts, caption="a dog").about()
    assert "CC BY-NC 4.0" in capsys.readouterr().out and "CC BY-NC 4.0" in about["licence"]


@pytest.mark.parametrize("part", ["musicgen", "captioner"])
def test_a_part_that_cannot_be_had_is_named_with_its_files_and_place(part, parts, tmp_path):
    for other in {"musicgen", "captioner"} - {part}:
        (tmp_path / other).symlink_to(parts / other)
    with pytest.raises(ValueError, match=rf"{part}: .*absent .*into FOLDER/{part} and give --source FOLDER") as error:
        load_system("musicgen_captions", tmp_path, **{part: str(tmp_path / "absent")})
    assert "model.safetensors" in str(error.value) and "\n" not in str(error.value)
