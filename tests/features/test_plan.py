"""The plan for a larger data set: rates of real work, and its arithmetic."""

import pytest
import torch

from vmas_pipeline.codec.config import SinusoidalCodecConfig
from vmas_pipeline.codec.sinusoidal import SinusoidalCodec
from vmas_pipeline.curation import CurationConfig
from vmas_pipeline.features.config import CurationPlanConfig, FeaturesConfig
from vmas_pipeline.features.plan import Rates, estimate, plan_curation
from vmas_pipeline.media import ClipSpec, write_video
from vmas_pipeline.sample_data.synthesis import synthesise

CLIP = ClipSpec(duration_s=2.0, frame_size=32, sample_rate=16000)
RATES = Rates(
    videos=4,
    seconds=40.0,
    bytes=8_000_000,
    inspected_cpu_s=4.0,
    kept=2,
    clips=5,
    clips_offered=20.0,
    extracted_cpu_s=10.0,
    extracted_gpu_s=0.0,
    shard_bytes=500_000,
)


@pytest.fixture(scope="module")
def codec(tmp_path_factory):
    torch.manual_seed(0)
    network = SinusoidalCodec(SinusoidalCodecConfig(width=16, code_width=8, card=32, blocks=1))
    network.initialise_codebooks(0.1 * torch.randn(2, 1, 16000))
    network.save(folder := tmp_path_factory.mktemp("codec"))
    return folder


def test_a_plan_is_the_rates_times_the_size():
    plan = CurationPlanConfig(candidates=36_000, duration_s=100.0, cores=10, gpus=2)
    lines = dict(line.split(maxsplit=1) for line in estimate(plan, RATES, CLIP))
    assert lines["candidates"] == "36,000 of 100 s: 0.72 TB of video"  # 200 kB a second
    assert lines["curation"] == "100 core-hours (0.100 CPU s a second)"
    assert lines["kept"] == "2 of 4 videos, 25% of the clips: 450,000 clips"
    assert lines["features"] == "250 core-hours (2.00 CPU s a clip)"
    assert lines["shards"] == "0.045 TB (100 kB a clip)"
    assert lines["in"] == "all     1.46 days on 10 cores"  # 350 hours by 10 cores


def test_a_gpu_that_takes_part_may_be_the_bottleneck():
    plan = CurationPlanConfig(candidates=36_000, duration_s=100.0, cores=1000, gpus=2)
    lines = [*estimate(plan, Rates(**{**vars(RATES), "extracted_gpu_s": 1.0}), CLIP)]
    assert "25 GPU-hours" in lines[4] and lines[-1] == "in all     0.521 days on 1,000 cores and 2 GPUs"


def test_videos_of_the_folder_are_worked_through(tmp_path, codec):
    (tmp_path / "raw").mkdir()
    film = synthesise(12, duration_s=4.0)
    write_video(tmp_path / "raw" / "film.mp4", film.frames, 24.0, film.waveform[None], 16000)
    (tmp_path / "raw" / "text.mp4").write_text("no film")
    curation = CurationConfig(backend="inline", filters={"vocals": None})
    planned = (CurationPlanConfig(candidates=1000, duration_s=4.0), curation, FeaturesConfig(), CLIP)
    first, size, _, kept, *_ = plan_curation(*planned, tmp_path / "raw", codec)
    assert first == f"measured on 2 of 2 videos of {tmp_path / 'raw'}, 4.0 s each"
    assert size.startswith("candidates 1,000 of 4 s: ")
    assert kept == "kept       1 of 2 videos, 50% of the clips: 1,000 clips"


def test_videos_of_which_none_is_kept_are_refused(tmp_path, codec):
    (tmp_path / "text.mp4").write_text("no film")
    planned = (CurationPlanConfig(), CurationConfig(filters={"vocals": None}), FeaturesConfig(), CLIP)
    with pytest.raises(ValueError, match=r"none of 1 videos is kept, the first: .*text.mp4"):
        list(plan_curation(*planned, tmp_path, codec))
