"""sample_data: synthetic music videos, the raw material of the embedded default."""

from pathlib import Path

from kedro.pipeline import Pipeline, node

from vmas_pipeline.sample_data.config import SampleDataConfig


def make_sample_data(config: SampleDataConfig, raw_folder: Path) -> Path:
    """Written next to the user's own videos, if there are any."""
    from vmas_pipeline.sample_data.write import write_sample_data

    write_sample_data(config, raw_folder / "synthetic")
    return raw_folder


def pipeline() -> Pipeline:
    return Pipeline(
        [node(make_sample_data, ["params:sample_data", "raw_folder"], "raw_videos", name="make_sample_data")]
    )
