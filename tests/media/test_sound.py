import numpy as np
import pytest

from vmas_pipeline.media import MediaError, read_audio

from .conftest import FilmMaker, grey_ramp


def tone(seconds: float, sample_rate: int, hz: float = 440.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * sample_rate)) / sample_rate)


def test_sound_starts_where_the_encoder_was_given_it(make_film: FilmMaker) -> None:
    sound = np.zeros((1, 48_000), dtype=np.float32)
    sound[0, 12_000:12_400] = tone(400 / 48_000, 48_000, 1_000)
    heard = read_audio(make_film(sound=sound), sample_rate=16_000, duration_s=1.0)[0]
    assert np.flatnonzero(np.abs(heard) > 0.2)[0] == pytest.approx(4_000, abs=16)  # AAC's priming is gone: within 1 ms


def test_sound_from_the_middle_is_in_time(make_film: FilmMaker) -> None:
    sound = np.zeros((1, 96_000), dtype=np.float32)
    sound[0, 60_000:60_400] = tone(400 / 48_000, 48_000, 1_000)
    path = make_film(frames=grey_ramp(48), sound=sound)
    heard = read_audio(path, sample_rate=16_000, start_s=1.0, duration_s=1.0)[0]
    assert heard.shape == (16_000,)
    assert np.flatnonzero(np.abs(heard) > 0.2)[0] == pytest.approx(4_000, abs=16)


def test_sound_past_the_end_is_silence(make_film: FilmMaker) -> None:
    heard = read_audio(make_film(sound=tone(1, 48_000)[None].astype(np.float32)), sample_rate=16_000, duration_s=3.0)
    assert heard.shape == (1, 48_000)
    assert np.abs(heard[0, 20_000:]).max() == 0


@pytest.mark.parametrize(("layout", "channels"), [("mono", 1), ("stereo", 2), ("5.1", 6)])
def test_any_channels_are_mixed_to_one_or_two(make_film: FilmMaker, layout: str, channels: int) -> None:
    sound = np.tile(tone(1, 48_000).astype(np.float32) / 4, (channels, 1))
    path = make_film(sound=sound, layout=layout)
    for wanted in (1, 2):
        heard = read_audio(path, sample_rate=16_000, duration_s=1.0, channels=wanted)
        assert heard.shape == (wanted, 16_000)
        assert np.sqrt(np.square(heard).mean(1)).min() > 0.02


def test_a_film_without_sound_says_so(make_film: FilmMaker) -> None:
    with pytest.raises(MediaError, match="has no sound track") as caught:
        read_audio(make_film(sound_codec=None), sample_rate=16_000)
    assert caught.value.reason == "no_audio"
