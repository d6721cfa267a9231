"""Checks the manifest against what later stages rely on, and publishes the result as Data Docs."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmas_pipeline.curation.config import CurationConfig
from vmas_pipeline.curation.split import SPLITS

if TYPE_CHECKING:
    from pandas import DataFrame

_NAME = "manifest"


@dataclass(frozen=True, kw_only=True)
class Validation:
    """What the suite found."""

    success: bool
    failures: tuple[str, ...]  # a sentence for each expectation that was not met
    docs: Path  # index.html of the Data Docs


def validate(config: CurationConfig, manifest: "DataFrame", docs: Path) -> Validation:
    """Runs the Great Expectations suite and writes its Data Docs; a failure is told, not raised.

    Args:
        config: its filters say which scores there must be.
        manifest: see `table.columns`.
        docs: folder of the Data Docs.
    """
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]  # its type says otherwise
    context.add_data_docs_site(site_name=_NAME, site_config=_site(docs))
    batches = (
        context.data_sources.add_pandas(_NAME).add_dataframe_asset(_NAME).add_batch_definition_whole_dataframe(_NAME)
    )
    suite = context.suites.add(gx.ExpectationSuite(name=_NAME, expectations=_expectations(config)))
    definition = context.validation_definitions.add(gx.ValidationDefinition(name=_NAME, data=batches, suite=suite))
    checkpoint = context.checkpoints.add(
        gx.Checkpoint(
            name=_NAME,
            validation_definitions=[definition],
            actions=[gx.checkpoint.UpdateDataDocsAction(name="docs", site_names=[_NAME])],
            result_format={"result_format": "COMPLETE", "unexpected_index_column_names": ["clip_id"]},
        )
    )
    result = checkpoint.run(batch_parameters={"dataframe": _with_checks(manifest)})
    (outcome,) = result.run_results.values()
    failures = tuple(_sentence(one) for one in outcome.results if not one.success)
    return Validation(success=bool(result.success), failures=failures, docs=docs / "index.html")


def require_valid(validation: Validation) -> None:
    """Stops the flow where the manifest is not what later stages rely on.

    Raises:
        ValueError: names every expectation that was not met, and the Data Docs.
    """
    if not validation.success:
        raise ValueError(
            "the manifest is not valid: "
            + "; ".join(validation.failures)
            + f". See {validation.docs}, and rejected.parquet for what was refused"
        )


def _expectations(config: CurationConfig) -> list[Any]:
    import great_expectations.expectations as gxe

    present = ["clip_id", "source_id", "group_id", "source_path", "audio_path", "start_s", "duration_s", "split"]
    present += [*config.scores, "licence", "width", "height", "video_codec", "audio_codec", "sample_rate"]
    return [
        gxe.ExpectTableRowCountToBeBetween(min_value=1),
        *[gxe.ExpectColumnValuesToNotBeNull(column=column) for column in present],
        *[gxe.ExpectColumnToExist(column=column) for column in ("genre", "title", "url", "fps")],
        gxe.ExpectColumnValuesToBeUnique(column="clip_id"),
        gxe.ExpectColumnValuesToMatchRegex(column="clip_id", regex=r"^[0-9a-f]{16}-[0-9]{8}$"),
        gxe.ExpectColumnValuesToMatchRegex(column="source_id", regex=r"^[0-9a-f]{16}$"),
        gxe.ExpectColumnValuesToBeBetween(column="start_s", min_value=0),
        gxe.ExpectColumnValuesToBeBetween(column="duration_s", min_value=0, strict_min=True),
        gxe.ExpectColumnUniqueValueCountToBeBetween(column="duration_s", min_value=1, max_value=1),
        *[
            gxe.ExpectColumnValuesToBeBetween(column=name, min_value=least, max_value=greatest)
            for name, (least, greatest) in config.scores.items()
        ],
        gxe.ExpectColumnDistinctValuesToEqualSet(column="split", value_set=list(SPLITS)),
        gxe.ExpectColumnValuesToBeInSet(column="splits_of_group", value_set=[1]),
    ]


def _with_checks(manifest: "DataFrame") -> "DataFrame":
    """Adds the number of splits that each group of sources is in: one, or test clips were trained on."""
    if {"group_id", "split"} <= set(manifest.columns):
        return manifest.assign(splits_of_group=manifest.groupby("group_id")["split"].transform("nunique"))
    return manifest


def _sentence(result: Any) -> str:
    """An expectation that was not met, with what was found instead."""
    settings = {key: value for key, value in result.expectation_config.kwargs.items() if key != "batch_id"}
    column = settings.pop("column", "table")
    rule = result.expectation_config.type.removeprefix("expect_").replace("_", " ")
    outcome = result.result or {"observed_value": "no such column"}
    found = outcome.get("observed_value", outcome.get("partial_unexpected_list"))
    details = ", ".join(f"{key} {value}" for key, value in settings.items())
    return f"{column}: {rule}{f' ({details})' if details else ''}, found {found}"


def _site(docs: Path) -> Any:
    store = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(docs.absolute())}
    index = {"class_name": "DefaultSiteIndexBuilder"}
    return {"class_name": "SiteBuilder", "store_backend": store, "site_index_builder": index}
