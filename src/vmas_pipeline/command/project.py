"""What the flow has made in a project's data folder, for the subcommands that measure."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame

    from vmas_pipeline.media import ClipSpec


class Project:
    """A data folder after the flow: held-out clips, features and the codec's reconstructions.

    Raises:
        ValueError: it lacks something; the message says what to run.
    """

    def __init__(self, data: Path) -> None:
        import pandas as pd

        from vmas_pipeline.model_folder import clip_of_model

        self.features = data / "03_features"
        self.reconstructed = data / "05_generated" / "codec"
        self.data = data
        manifest = data / "02_curated" / "manifest.parquet"
        for path in (manifest, self.features / "test" / "index.parquet", self.reconstructed / "record.json"):
            if not path.is_file():
                raise ValueError(
                    f"no {path}: run `kedro run` first, here in the project's root, or give its data with --data"
                )
        self.manifest: DataFrame = pd.read_parquet(manifest)
        self.clip: ClipSpec = clip_of_model(data / "04_models" / "vmas")

    def clips(self) -> "DataFrame":
        """Rows of the manifest of the held-out clips that every system is measured on."""
        from vmas_pipeline.systems.generated import Record

        measured = Record.read(self.reconstructed).compute_s
        return self.manifest[(self.manifest["split"] == "test") & self.manifest["clip_id"].isin(measured)]
