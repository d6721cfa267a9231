import dataclasses
import json

import pandas as pd
import pytest

from vmas_pipeline.evaluation.evaluate import choose, evaluate, spread


def test_writes_metrics_clips_and_report(world, config, tmp_path):
    out, report = tmp_path / "06_evaluation", tmp_path / "07_reports"
    small = dataclasses.replace(config, report_clips=1)
    metrics = evaluate(
        small, world.clip, world.generated, world.reconstructed, world.features, world.manifest, out, report=report
    )
    assert json.loads((out / "metrics.json").read_text()) == json.loads(json.dumps(metrics))
    clips = pd.read_parquet(out / "clips.parquet")
    assert len(clips) == metrics["clips"] == 6
    assert (metrics["system"], metrics["seed"], metrics["split"]) == ("vmas", 0, "test")
    assert clips["mv_align_generated"].mean() == pytest.approx(metrics["mv_align"]["generated"])
    assert (report / "report.html").is_file()
    assert len(list((report / "media").glob("*-generated.mp4"))) in (1, 2, 3)  # the shown one, and the likest copies


def test_shown_clips_are_of_several_genres(clips):
    shown = clips.set_index("clip_id").loc[spread(clips, 2)]
    assert set(shown["genre"]) == {"techno", "folk"}


def test_the_worst_are_shown_beside_clips_that_do_not_depend_on_the_music(clips):
    scored = clips.assign(mv_align_generated=[0.5, 0.4, 0.3, 0.2, 0.1, 0.6])
    shown = choose(scored, count=4, worst=2)
    assert shown[:2] == spread(scored, 2)
    others = scored[~scored["clip_id"].isin(shown[:2])].sort_values("mv_align_generated")
    assert shown[2:] == list(others["clip_id"][:2])
    assert len(choose(scored, count=1, worst=2)) == 1 and choose(scored, count=2, worst=0) == spread(scored, 2)
