import pandas
import pytest

from vmas_pipeline.curation import CurationConfig, characteristics


def test_the_table_of_characteristics_counts_candidates_and_what_was_kept() -> None:
    config = CurationConfig(filters={"loudness": None, "presence": None})
    shared = {"source_duration_s": 1800.0, "duration_s": 900.0}
    manifest = pandas.DataFrame(
        [
            {"source_path": "a", "clip_id": "a-0", "split": "train", "similarity": 0.2, "vocal_score": 0.0} | shared,
            {"source_path": "a", "clip_id": "a-1", "split": "train", "similarity": 0.2, "vocal_score": 0.1} | shared,
            {"source_path": "b", "clip_id": "b-0", "split": "test", "similarity": 0.4, "vocal_score": -0.1} | shared,
        ]
    )
    rejected = pandas.DataFrame(
        [
            {
                "source_path": "c",
                "clip_id": None,
                "similarity": 0.9,
                "reason": "still_picture",
                "source_duration_s": 3600.0,
            },
            {"source_path": "d", "clip_id": None, "reason": "unreadable"},
            {
                "source_path": "e",
                "clip_id": None,
                "similarity": 0.2,
                "reason": "duplicate",
                "source_duration_s": 1800.0,
            },
        ]
    )
    table = characteristics(config, manifest, rejected).set_index("set")
    assert table.loc["candidates", ["videos", "clips", "hours"]].tolist() == [4, 3, 2.0]
    assert table.loc["candidates", "similarity"] == pytest.approx((0.2 + 0.4 + 0.9) / 3)
    assert table.loc["kept", ["videos", "clips", "hours"]].tolist() == [2, 3, 0.75]
    assert table.loc["kept", "similarity"] == pytest.approx(0.3) and table.loc["kept", "vocal_score"] == pytest.approx(
        0
    )
    assert table.loc["test", "videos"] == 1 and table.loc["train", "vocal_score"] == pytest.approx(0.05)
