"""Fills orders: a production whose takes get names of their own, and whether one is done already."""

import shutil
import uuid
from pathlib import Path
from typing import Any

from vmas_pipeline.generator import Generator
from vmas_pipeline.media import MediaError, whole_file
from vmas_pipeline.production.options import Options
from vmas_pipeline.production.orders import Order
from vmas_pipeline.production.record import origin, read_record
from vmas_pipeline.production.takes import Production, produce, video_name


def fill(
    order: Order, generator: Generator, options: Options, *, takes: Path | None = None, **settings: Any
) -> Production:
    """Produce an order and put its takes where they belong.

    Args:
        order: what and where to.
        generator, options, settings: as for `produce`.
        takes: a folder to keep the whole production in.
    """
    folder = takes or order.out.with_name(f".vmas-{uuid.uuid4().hex[:8]}")
    try:
        production = produce(order.video, folder, generator, options, **settings)
        for number, take in enumerate(production.takes, 1):
            with whole_file(order.take(number)) as temporary:
                (shutil.copyfile if takes else shutil.move)(take.main, temporary)
    finally:
        if not takes:
            shutil.rmtree(folder, ignore_errors=True)
    return production


def is_done(order: Order, generator: Generator, options: Options, model_name: str, signed: bool = False) -> bool:
    """Whether all takes of an order are there, made from this video by this model with these options."""
    wanted = origin(generator.with_sampling(**options.sampling), model_name, options)
    wanted |= {"video": video_name(order.video), "signed": signed}
    return all(_made_by(wanted, order.take(number)) for number in range(1, options.candidates + 1))


def _made_by(wanted: dict[str, Any], path: Path) -> bool:
    try:
        record = read_record(path) if path.is_file() else None
    except MediaError:
        return False
    return record is not None and all(record.get(key) == value for key, value in wanted.items())
