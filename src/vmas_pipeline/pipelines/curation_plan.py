"""curation_plan: what curation and features of a larger data set would cost, from some videos of this one."""

from pathlib import Path

from kedro.pipeline import Pipeline, node

from vmas_pipeline.curation.config import CurationConfig
from vmas_pipeline.features.config import CurationPlanConfig, FeaturesConfig
from vmas_pipeline.media import ClipSpec


def plan_curation(
    plan: CurationPlanConfig,
    curation: CurationConfig,
    features: FeaturesConfig,
    clip: ClipSpec,
    raw_videos: Path,
    codec_model: Path,
) -> None:
    from vmas_pipeline.features import plan as planning

    for line in planning.plan_curation(plan, curation, features, clip, raw_videos, codec_model):
        print(line)


def pipeline() -> Pipeline:
    sections = ["params:curation_plan", "params:curation", "params:features", "params:clip"]
    return Pipeline([node(plan_curation, [*sections, "raw_videos", "codec_model"], None, name="plan_curation")])
