"""Renders the HTML pages: all reports share style, script and the parts in page_parts.html.j2."""

from pathlib import Path
from typing import Any

from vmas_pipeline.media import whole_file


def write_page(path: Path, template: str | Path, **values: Any) -> Path:
    """Write the template, a file of this folder or of another, filled with the values, atomically; returns `path`.

    A template elsewhere can include those of this folder.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader([Path(template).parent, Path(__file__).parent]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template(Path(template).name).render(**values)
    with whole_file(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path
