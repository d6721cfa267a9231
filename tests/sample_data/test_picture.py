"""The picture of synthetic films: the same at any rate and size, varied, and of its genre."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from vmas_pipeline.sample_data.looks import LOOKS, Look, look_named
from vmas_pipeline.sample_data.picture import (
    FORMATS,
    FRAME_RATES,
    Film,
    choose_frame_rate,
    plan_film,
    render,
)
from vmas_pipeline.sample_data.picture.formats import choose_format
from vmas_pipeline.sample_data.timeline import draw_timeline


def plan(seed: int, look: Look = LOOKS[0], duration_s: float = 5.0) -> Film:
    timeline = draw_timeline(duration_s, np.random.default_rng([seed, 0]))
    return plan_film(look, timeline, np.random.default_rng([seed, 1]))


def draw(seed: int, frame_rate: float = 12, size: int = 32) -> np.ndarray:
    return render(plan(seed, LOOKS[seed % 5], duration_s=3.0), frame_rate=frame_rate, size=size)


def test_the_same_seed_draws_the_same_film() -> None:
    np.testing.assert_array_equal(draw(3), draw(3))
    assert draw(3).shape != draw(4).shape or (draw(3) != draw(4)).any()


@pytest.mark.parametrize("seed", range(6))
def test_any_rate_and_size_shows_the_same_film(seed: int) -> None:
    film = plan(seed, duration_s=3)
    film = replace(film, light=replace(film.light, grain=0.0))
    slow, fast = render(film, frame_rate=10, size=32), render(film, frame_rate=30, size=64)
    assert len(fast) == 3 * len(slow)
    near = fast[1::3].astype(float)  # frames in the middle of the same moments
    height, width = slow.shape[1:3]
    near = near[:, : 2 * height, : 2 * width].reshape(len(slow), height, 2, -1, 2, 3).mean(axis=(2, 4))
    assert np.abs(near[:, :, :width] - slow).mean() < 12


def test_frames_are_uint8_with_even_sides_and_the_short_side_asked_for() -> None:
    shapes = {draw(seed, size=30).shape[1:3] for seed in range(12)}
    assert len(shapes) >= 3
    for height, width in shapes:
        assert min(height, width) == 30 and height % 2 == width % 2 == 0
    assert draw(0).dtype == np.uint8


def test_all_formats_and_frame_rates_occur() -> None:
    random = np.random.default_rng(0)
    assert {choose_format(random) for _ in range(100)} == set(FORMATS)
    assert {choose_frame_rate(random) for _ in range(200)} == set(FRAME_RATES)


def test_letterbox_bars_are_black() -> None:
    (wide,) = [each for each in FORMATS if each.inner]
    film = replace(plan(1), format=wide)
    frames = render(film, frame_rate=6, size=64)
    top, bottom = wide.rows(64)
    assert frames.shape[1:3] == (64, 114) and (top, bottom) == (8, 56)
    assert not frames[:, :top].any() and not frames[:, bottom:].any()
    assert frames[:, top:bottom].any(axis=(0, 2, 3)).all()


def test_most_grounds_are_photographs_or_textures() -> None:
    grounds = Counter(scene.ground.kind for seed in range(30) for scene in plan(seed, duration_s=1).scenes)
    assert grounds["photograph"] > 0.35 * grounds.total()
    assert 0 < grounds["pattern"] < 0.4 * grounds.total()


def test_photographs_in_the_picture_are_credited() -> None:
    credited = {photograph for seed in range(15) for photograph in plan(seed, duration_s=1).photographs}
    assert {each.licence for each in credited} == {"CC-BY-2.0"} and len(credited) == 2
    assert all("flickr.com" in each.author for each in credited)


def test_the_genre_is_recognised_by_its_mean_colour() -> None:
    hues = {look.name: [hue(plan(seed, look, 4.0)) for seed in range(10)] for look in LOOKS}
    centres = {name: np.mean(each[:5], axis=0) for name, each in hues.items()}
    right = [
        min(centres, key=lambda other: float(np.linalg.norm(centres[other] - value))) == name
        for name, each in hues.items()
        for value in each[5:]
    ]
    assert np.mean(right) > 0.9


def hue(film: Film) -> np.ndarray:
    """Shares of red, green and blue."""
    colour = render(film, frame_rate=2, size=32).mean(axis=(0, 1, 2))
    return colour / colour.sum()


def test_an_unknown_look_is_named_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"genre \('polka'\) is unknown: choose one of ambient, chiptune"):
        look_named("polka")
