import numpy as np
import pytest
import torch

from vmas_pipeline.production.scores import Watched, hit_share, ranked, score

from ..tiny_model import tiny_generator


def test_takes_are_ranked_by_all_scores_and_alignment_decides_between_equals() -> None:
    takes = [
        {"alignment": 0.1, "contrastive": 0.1},
        {"alignment": 0.3, "contrastive": 0.2},
        {"alignment": 0.2, "contrastive": 0.3},
    ]
    assert ranked(takes) == [1, 2, 0]
    hits = [{**take, "hits": share} for take, share in zip(takes, (0.0, 0.0, 1.0))]
    assert ranked(hits) == [2, 1, 0]
    assert ranked([{"alignment": None, "contrastive": None}] * 2) == [0, 1]


def test_strikes_count_within_a_tenth_of_a_second() -> None:
    assert hit_share(np.array([1.0, 2.0]), [1.09, 2.11]) == 0.5
    assert hit_share(np.zeros(0), [1.0]) == 0


def test_clicks_at_the_peaks_are_aligned_and_the_scores_embedding_is_the_models() -> None:
    generator = tiny_generator()
    clicks = np.zeros(5 * 16_000, np.float32)
    for moment in (1.0, 2.5, 4.0):
        clicks[round(moment * 16_000) :][:400] = np.hanning(400)
    codes = torch.randint(64, (4, 250), generator=torch.Generator().manual_seed(0))
    music = generator.model.embed_music(codes[None])
    watched = Watched(
        peaks_s=np.array([1.0, 2.5, 4.0]), embeddings=music, clip_tokens=250, frame_rate=9.6
    )  # a video that the model takes for this very music
    found = score(generator, watched, codes, clicks, [1.0, 3.0])
    assert found["alignment"] == 1.0 and found["hits"] == 0.5
    assert found["contrastive"] == pytest.approx(1.0, abs=1e-4)
    assert 0 < found["alignment_random"] < 0.5  # type: ignore[operator]
