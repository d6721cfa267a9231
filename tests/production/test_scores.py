from pathlib import Path

import numpy as np
import pytest
import torch

from vmas_pipeline.production.scores import Watched, hit_share, ranked, score, seam_scores

from ..tiny_model import film, tiny_generator


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


def test_onsets_at_the_peaks_are_aligned_and_the_scores_embedding_is_the_models() -> None:
    generator = tiny_generator()
    codes = torch.randint(64, (4, 250), generator=torch.Generator().manual_seed(0))
    music = generator.model.embed_music(codes[None])
    watched = Watched(
        peaks_s=np.array([1.0, 2.5, 4.0]), embeddings=music, clip_tokens=250, frame_rate=9.6
    )  # a video that the model takes for this very music
    found = score(generator, watched, codes, np.array([0.95, 2.5, 4.0]), 5.0, [1.0, 3.0])
    assert found["alignment"] == 1.0 and found["hits"] == 0.5
    assert found["contrastive"] == pytest.approx(1.0, abs=1e-4)
    assert 0 < found["alignment_random"] < 0.5  # type: ignore[operator]


def test_a_seam_is_judged_by_how_likely_the_kept_music_is_after_it(tmp_path: Path) -> None:
    generator, video = tiny_generator(), film(tmp_path / "film.mp4", 2.0)
    greedy = generator.with_sampling(top_k=1, guidance=1.0)
    likely = greedy.compose(video, [0], 100)[0]
    kept = np.arange(100) >= 60
    unlikely = likely.clone()
    unlikely[:, 60:] = (likely[:, 60:] + 7) % 64
    of_likely, of_unlikely = seam_scores(generator, video, 0.0, torch.stack([likely, unlikely]), kept)
    assert of_likely > of_unlikely
    assert seam_scores(generator, video, 0.0, likely[None], ~kept) == []  # nothing is kept on the right
    takes = [{"alignment": 0.1, "contrastive": 0.1, "seam": s} for s in (of_unlikely, of_likely)]
    assert ranked(takes) == [1, 0]
