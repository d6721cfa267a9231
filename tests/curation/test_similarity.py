from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from vmas_pipeline.curation.config import SimilarityConfig
from vmas_pipeline.curation.similarity import (
    clip_features,
    film_similarity,
    mean_pairwise_cosine,
    sample_frames,
    thumbnails,
)
from vmas_pipeline.media import write_video
from vmas_pipeline.sample_data.synthesis import synthesise

TINY_CLIP = "vit_xsmall_patch16_clip_224.tinyclip_yfcc15m"


def film(path: Path, frames: np.ndarray, frame_rate: float = 24) -> Path:
    write_video(path, frames, frame_rate, None, 16_000)
    return path


def test_mean_pairwise_cosine_equals_the_sum_over_pairs() -> None:
    rows = np.random.default_rng(0).normal(size=(7, 5))
    pairs = [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in combinations(rows, 2)]
    assert mean_pairwise_cosine(rows) == pytest.approx(np.mean(pairs))
    assert mean_pairwise_cosine(rows[:1]) == 1.0


def test_a_synthetic_film_passes_and_a_still_does_not(tmp_path: Path) -> None:
    moving = synthesise(0).frames
    still = np.repeat(moving[:1], len(moving), axis=0)
    assert film_similarity(film(tmp_path / "moving.mp4", moving), 10.0, SimilarityConfig()) < 0.6
    assert film_similarity(film(tmp_path / "still.mp4", still), 10.0, SimilarityConfig()) > 0.99


def test_brightness_alone_is_no_change_of_picture() -> None:
    picture = np.random.default_rng(0).integers(0, 120, (16, 16, 3))
    frames = np.stack([picture, picture + 40, picture + 80, picture + 120]).astype(np.uint8)
    assert mean_pairwise_cosine(thumbnails(frames)) > 0.99


def test_a_black_film_is_a_still() -> None:
    noise = np.random.default_rng(0).integers(0, 3, (8, 16, 16, 3)).astype(np.uint8)
    assert mean_pairwise_cosine(thumbnails(noise)) > 0.9
    assert mean_pairwise_cosine(thumbnails(np.zeros_like(noise))) == pytest.approx(1.0)


def test_frames_come_from_the_middles_of_equal_parts(tmp_path: Path) -> None:
    levels = np.repeat(np.arange(4) * 60, 6)
    frames = np.broadcast_to(levels[:, None, None, None], (24, 32, 32, 3)).astype(np.uint8)
    seen = sample_frames(film(tmp_path / "film.mp4", frames), 1.0, 4, size=16)
    assert np.abs(seen.mean((1, 2, 3)) - [0, 60, 120, 180]).max() < 6


def test_far_frames_are_looked_up_one_by_one(tmp_path: Path) -> None:
    levels = np.repeat(np.arange(4) * 60, 6)
    frames = np.broadcast_to(levels[:, None, None, None], (24, 32, 32, 3)).astype(np.uint8)
    seen = sample_frames(film(tmp_path / "film.mp4", frames, frame_rate=0.5), 48.0, 4, size=16)
    assert np.abs(seen.mean((1, 2, 3)) - [0, 60, 120, 180]).max() < 6


def test_clip_features_come_from_a_weights_file(tmp_path: Path) -> None:
    import timm
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    tower = timm.create_model(TINY_CLIP, pretrained=False).eval()
    save_file(tower.state_dict(), tmp_path / "clip.safetensors")
    frames = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3)).astype(np.uint8)
    features = clip_features(frames, TINY_CLIP, tmp_path / "clip.safetensors")
    pixels = torch.from_numpy(frames).permute(0, 3, 1, 2) / 255
    mean, std = torch.tensor([0.48145466, 0.4578275, 0.40821073]), torch.tensor([0.26862954, 0.26130258, 0.27577711])
    with torch.inference_mode():
        expected = tower((pixels - mean.view(3, 1, 1)) / std.view(3, 1, 1))
    np.testing.assert_allclose(features, expected.numpy(), atol=1e-4)


def test_missing_clip_weights_name_the_file_the_place_and_the_way_out(tmp_path: Path) -> None:
    config = SimilarityConfig(embedding="clip", clip_weights=tmp_path / "missing.safetensors")
    path = film(tmp_path / "film.mp4", synthesise(0, duration_s=1).frames)
    with pytest.raises(ValueError, match=r"CLIP.*model\.safetensors.*clip_weights, or set .*thumbnails.*no such file"):
        film_similarity(path, 1.0, config)
