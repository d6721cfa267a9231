import dataclasses
import json

import pandas as pd
import pytest

from vmas_pipeline.evaluation.evaluate import evaluate


def test_writes_metrics_clips_and_report(world, config, tmp_path):
    world.generator.save(tmp_path / "model")
    out, report = tmp_path / "06_evaluation", tmp_path / "07_reports"
    small = dataclasses.replace(config, clips=4, training_clips=4, report_clips=1)
    metrics = evaluate(small, world.clip, tmp_path / "model", world.features, world.manifest, out, report=report)
    assert json.loads((out / "metrics.json").read_text()) == metrics
    clips = pd.read_parquet(out / "clips.parquet")
    assert len(clips) == metrics["clips"] == 4
    assert clips["mv_align_generated"].mean() == pytest.approx(metrics["mv_align"]["generated"])
    assert (report / "report.html").is_file()
    assert len(list((report / "media").glob("*.mp4"))) == 2


def test_a_model_of_other_clips_is_refused(world, config, tmp_path):
    world.generator.save(tmp_path / "model")
    other = dataclasses.replace(world.clip, frame_rate=4.8)
    with pytest.raises(ValueError, match=r"was trained on ClipSpec\(.*frame_rate=9\.6.*train it again"):
        evaluate(config, other, tmp_path / "model", world.features, world.manifest, tmp_path)
