import numpy as np
import pandas as pd
import pytest

from vmas_pipeline.evaluation.metrics.diversity import spread
from vmas_pipeline.evaluation.paired import seed_diversity


def test_spread_is_the_mean_distance_between_sources_pair_by_pair():
    vectors = np.random.default_rng(0).standard_normal((7, 3))
    sources = list("aabccde")
    pairs = [(i, j) for i in range(7) for j in range(7) if sources[i] != sources[j]]
    expected = np.mean([np.linalg.norm(vectors[i] - vectors[j]) for i, j in pairs])
    assert spread(vectors, sources) == pytest.approx(expected)
    assert spread(np.ones((7, 3)), sources) == 0
    with pytest.raises(ValueError, match="all clips are of source a: diversity needs two"):
        spread(vectors, ["a"] * 7)


def test_the_worlds_diversity_is_on_the_scale_of_true_music(results, measured):
    found, space = results["diversity"], measured.spaces[0]
    ratio = spread(space.generated.vectors, measured.sources) / spread(space.true.vectors, measured.sources)
    assert (found.value, found.chance, found.ceiling) == (pytest.approx(ratio), 0, 1)
    np.testing.assert_array_equal(found.per_clip["embedding"][2], space.generated.vectors[2])


@pytest.fixture
def evaluations(tmp_path):
    def write(name, vectors):
        (tmp_path / name).mkdir()
        table = {"clip_id": [f"{i}" for i in range(len(vectors))], "source_id": [f"{i}" for i in range(len(vectors))]}
        pd.DataFrame({**table, "embedding": list(vectors)}).to_parquet(tmp_path / name / "clips.parquet")
        return tmp_path / name

    return write


def test_seeds_differ_by_nothing_where_the_video_decides_and_by_all_where_the_seed_does(evaluations):
    random = np.random.default_rng(1)
    first, other = random.standard_normal((2, 60, 20))
    one = evaluations("one", first)
    assert seed_diversity(one, one) == 0
    assert seed_diversity(one, evaluations("other", other)) == pytest.approx(1, abs=0.05)
    assert 0 < seed_diversity(one, evaluations("near", first + 0.1 * other)) < 0.2
    assert seed_diversity(one, evaluations("fewer", first[:10])) == 0
