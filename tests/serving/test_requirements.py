"""What a served model asks for is what it imports."""

import json
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, requires

from vmas_pipeline.features.curves import curve_counts
from vmas_pipeline.generator import Generator
from vmas_pipeline.model.config import with_overrides
from vmas_pipeline.model.vmas import VMAs
from vmas_pipeline.serving.registration import REQUIREMENTS

from ..tiny_model import CLIP, film, tiny_generator

GENERATE = """
import json, sys
from vmas_pipeline.production import Options, produce
from vmas_pipeline.serving import load_model, pyfunc_model
options = Options(original="duck", hit_cuts=True)
produce(sys.argv[2], sys.argv[3], load_model(sys.argv[1]), options)
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def closure(names: set[str]) -> set[str]:
    """The distributions and all that they require, extras left out."""
    found: set[str] = set()
    while names:
        found |= names
        asked = set()
        for name in names:
            try:
                lines = requires(name) or []
            except PackageNotFoundError:
                continue
            asked |= {normal(re.split(r"[^A-Za-z0-9._-]", line)[0]) for line in lines if "extra ==" not in line}
        names = asked - found
    return found


def test_all_that_loading_and_generating_import_is_required(tmp_path):
    tiny = tiny_generator()
    model = VMAs(with_overrides(tiny.model.config, {"curves": curve_counts(["events"])}), tiny.codec.code_vectors)
    Generator(model, tiny.codec, CLIP, tiny.sampling).save(tmp_path / "vmas")
    video = film(tmp_path / "film.mp4", 0.4)
    command = [sys.executable, "-c", GENERATE, str(tmp_path / "vmas"), str(video), str(tmp_path / "takes")]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    modules, homes = json.loads(run.stdout.splitlines()[-1]), packages_distributions()
    allowed = closure({normal(name) for name in REQUIREMENTS}) | {"vmas-pipeline"}
    wanting = {module for module in modules if module in homes and not {normal(d) for d in homes[module]} & allowed}
    assert wanting <= OPTIONAL


OPTIONAL = {"importlib_resources", "llvmlite", "numba", "orjson", "psutil", "pydot", "python_multipart"}
"""Of ours (numba) and of the libraries themselves: taken where they are there, done without where not."""
