"""Each kind of extension, added as docs/extending.md says and run through the flow."""

import json

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter

from vmas_pipeline import load_model
from vmas_pipeline.conditioning import conditions_of_frames
from vmas_pipeline.curation import CurationConfig, characteristics, curate, filters, require_valid, validate
from vmas_pipeline.evaluation import embeddings, metrics
from vmas_pipeline.evaluation import evaluate as evaluation
from vmas_pipeline.evaluation.config import EvaluationConfig
from vmas_pipeline.features import curves
from vmas_pipeline.features.curves import curve_counts
from vmas_pipeline.generator import Generator
from vmas_pipeline.model import encoders
from vmas_pipeline.model.conditions import Conditions
from vmas_pipeline.model.config import with_overrides
from vmas_pipeline.model.vmas import VMAs
from vmas_pipeline.systems import load_system
from vmas_pipeline.systems.generate import generate_clips
from vmas_pipeline.systems.generated import Record

from ..tiny_model import CLIP, film, tiny_generator
from ..world import GENERATION


def evaluated(world, generated, folder):
    config = EvaluationConfig(batch=4, report_clips=1)
    return evaluation.evaluate(
        config, CLIP, generated, world.reconstructed, world.features, world.manifest, folder, report=folder / "report"
    )


def with_model(overrides):
    """The tiny generator with another model."""
    tiny = tiny_generator()
    model = VMAs(with_overrides(tiny.model.config, overrides), tiny.codec.code_vectors)
    return Generator(model, tiny.codec, CLIP, tiny.sampling)


def test_a_metric_stands_in_the_metrics_the_clips_and_the_report(example, world, tmp_path, monkeypatch):
    example("A metric", "longest_wait", metrics)
    monkeypatch.setattr(evaluation, "METRICS", metrics.METRICS)  # read at the import
    found = evaluated(world, world.generated, tmp_path)["results"]["longest_wait"]
    assert found["value"] > 0 and found["ceiling"] > 0
    assert "Longest wait for a note" in (tmp_path / "report" / "report.html").read_text()


def test_an_embedding_has_the_distances_beside_the_first(example, world, tmp_path):
    example("An embedding", "octaves", embeddings)
    settings = {"embeddings": [{"kind": "octaves"}, {"kind": "octaves", "lowest_hz": 50.0}]}
    with pytest.raises(ValueError, match="all different"):  # they would share the names of their metrics
        TypeAdapter(EvaluationConfig).validate_python(settings)
    config = TypeAdapter(EvaluationConfig).validate_python({"embeddings": [{"kind": "musicnn"}, {"kind": "octaves"}]})
    found = {result.name: result for result in evaluation.compute_metrics(world.measure(config))}
    assert {"fad_octaves", "kad_octaves", "mad_octaves", "coverage_octaves"} <= set(found)
    assert "kl_octaves" not in found and "loudness of the octaves" in found["fad_octaves"].measured_with
    assert 0 < found["fad_octaves"].value != found["fad"].value


def test_a_system_is_generated_and_measured(example, world, tmp_path):
    import vmas_pipeline.systems as home

    example("A system", "pulse", home)
    out = generate_clips(GENERATION, CLIP, load_system("pulse", tmp_path), world.features, tmp_path / "pulse")
    assert Record.read(out).about == {"period_s": 0.5}
    found = evaluated(world, out, tmp_path / "evaluation")
    assert (found["system"], len(Record.read(out).compute_s)) == ("pulse", 6)
    results = json.loads((tmp_path / "evaluation" / "metrics.json").read_text())["results"]
    assert results["mv_align"]["value"] <= results["mv_align"]["levels"]["metronome"] + 0.05
    assert "r_at_10" not in results


def test_a_filter_refuses_and_its_scores_stand_in_every_table(example, tmp_path):
    example("A filter", "darkness", filters)
    (tmp_path / "raw").mkdir()
    for name, brightness in (("a", 0), ("b", 120), ("c", 130), ("d", 140)):
        film(tmp_path / "raw" / f"{name}.mp4", CLIP.duration_s, brightness=brightness)
    settings = {"similarity": None, "vocals": None, "loudness": None, "darkness": {"minimum": 40}}
    config = TypeAdapter(CurationConfig).validate_python({"filters": settings, "backend": "inline"})
    found = curate(config, CLIP, tmp_path / "raw", tmp_path / "out")
    assert found.manifest["brightness"].between(110, 150).all() and len(found.manifest) == 3
    (refused,) = found.rejected.itertuples()
    assert (refused.stage, refused.reason) == ("darkness", "dark") and refused.brightness < 20
    assert characteristics(config, found.manifest, found.rejected)["brightness"].notna().all()
    require_valid(validate(config, found.manifest, tmp_path / "docs"))
    with pytest.raises(ValueError, match="brightness: column values to be between"):
        require_valid(validate(config, found.manifest.assign(brightness=300.0), tmp_path / "docs"))


def test_an_encoder_trains_is_saved_and_generates(example, tmp_path):
    example("A video encoder", "mean_colour", encoders)
    generator = with_model({"video": {"kind": "mean_colour", "width": 8}})
    frames = np.random.default_rng(0).integers(0, 256, (2, 48, 32, 32, 3), dtype=np.uint8)
    conditions = Conditions.of_video(torch.from_numpy(frames))
    output = generator.model.train()(conditions, torch.zeros(2, 4, 250).long())
    output.logits.logsumexp(-1).mean().backward()
    assert generator.model.video_encoder.projection.weight.grad.abs().max() > 0
    generator.save(tmp_path / "vmas")
    assert load_model(tmp_path / "vmas").generate(film(tmp_path / "film.mp4", 0.4)).waveform.shape == (1, 6400)


def test_a_condition_reaches_the_music_of_a_saved_model(example, tmp_path):
    example("A condition", "brightness", curves)
    generator = with_model({"curves": curve_counts(["events", "brightness"])})
    frames = np.random.default_rng(0).integers(0, 256, (48, 64, 64, 3), dtype=np.uint8)
    conditions = conditions_of_frames(frames, generator.model.config)
    assert {name: curve.shape for name, curve in conditions.curves.items()} == {
        "events": (1, 48, 3),
        "brightness": (1, 48, 1),
    }
    output = generator.model.train()(conditions, torch.zeros(1, 4, 250).long())
    output.logits.logsumexp(-1).mean().backward()
    assert all(p.grad.abs().max() > 0 for p in generator.model.curve_encoders.parameters())
    generator.save(tmp_path / "vmas")
    assert load_model(tmp_path / "vmas").generate(film(tmp_path / "film.mp4", 0.4)).waveform.shape == (1, 6400)
