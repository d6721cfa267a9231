from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from vmas_pipeline.curation.filters import Video
from vmas_pipeline.curation.filters.similarity import Similarity, clip_features, mean_pairwise_cosine, thumbnails
from vmas_pipeline.sample_data.synthesis import synthesise

TINY_CLIP = "vit_xsmall_patch16_clip_224.tinyclip_yfcc15m"


def test_mean_pairwise_cosine_equals_the_sum_over_pairs() -> None:
    rows = np.random.default_rng(0).normal(size=(7, 5))
    pairs = [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in combinations(rows, 2)]
    assert mean_pairwise_cosine(rows) == pytest.approx(np.mean(pairs))
    assert mean_pairwise_cosine(rows[:1]) == 1.0


def test_a_synthetic_video_passes_and_a_still_does_not() -> None:
    moving = synthesise(0).frames[::10, ::2, ::2]
    still = np.repeat(moving[:1], len(moving), axis=0)
    for frames, least, greatest, refused in ((moving, 0, 0.6, False), (still, 0.99, 1, True)):
        scores = Similarity().measure(Video(info=None, frames=frames))
        assert least <= scores["similarity"] <= greatest
        verdict = Similarity().verdict(scores)
        assert bool(verdict) == refused
    assert verdict.reason == "still_picture" and "must be below 0.7" in verdict.detail


def test_each_embedding_has_its_size() -> None:
    assert Similarity().side == 16
    assert Similarity(embedding="clip").side == 224


def test_brightness_alone_is_no_change_of_picture() -> None:
    picture = np.random.default_rng(0).integers(0, 120, (16, 16, 3))
    frames = np.stack([picture, picture + 40, picture + 80, picture + 120]).astype(np.uint8)
    assert mean_pairwise_cosine(thumbnails(frames)) > 0.99


def test_a_black_film_is_a_still() -> None:
    noise = np.random.default_rng(0).integers(0, 3, (8, 16, 16, 3)).astype(np.uint8)
    assert mean_pairwise_cosine(thumbnails(noise)) > 0.9
    assert mean_pairwise_cosine(thumbnails(np.zeros_like(noise))) == pytest.approx(1.0)


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
    similarity = Similarity(embedding="clip", clip_weights=tmp_path / "missing.safetensors")
    with pytest.raises(ValueError, match=r"CLIP.*model\.safetensors.*clip_weights, or set .*thumbnails.*no such file"):
        similarity.prepare()
