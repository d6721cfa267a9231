"""The end of `make demo`: runs the `vmas` command on a held-out video and prints where the results are."""

import argparse
import runpy
import sys
from pathlib import Path

from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.io import CatalogProtocol

from vmas_pipeline.media import local


def main() -> None:
    """Generate music for one held-out video of an environment whose flow has run, and print where the results are."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--env", help="the environment of `kedro run`")
    root = Path.cwd()
    bootstrap_project(root)
    with KedroSession.create(root, env=parser.parse_args().env) as session:
        assert isinstance(session, KedroSession)
        catalog = session.load_context().catalog
    registered = catalog["registered"].load()
    video = _held_out_video(catalog, root)
    out = catalog["videos_folder"].load() / f"{video.stem}.mp4"
    out.parent.mkdir(parents=True, exist_ok=True)
    sys.argv = ["vmas", "generate", str(video), "--out", str(out), "--model", registered["address"]]
    runpy.run_module("vmas_pipeline.command", run_name="__main__")  # in this process, which has imported most of it
    for check in registered["checks"]:
        print(f"gate              {check['rule']}: {'passed' if check['passed'] else 'FAILED, so this is no champion'}")
    print(f"report            {catalog['report'].load() / 'report.html'}")
    print(f"registered model  {registered['address']} (version {registered['version']})")
    print(f"video with music  {out}")
    print("all runs          .venv/bin/mlflow ui --backend-store-uri sqlite:///mlruns/mlflow.db")


def _held_out_video(catalog: CatalogProtocol, root: Path) -> Path:
    """The source of the first clip not used in training."""
    manifest = catalog["manifest"].load()
    return root / local(manifest.loc[manifest["split"] == "test", "source_path"].iloc[0])


if __name__ == "__main__":
    main()
