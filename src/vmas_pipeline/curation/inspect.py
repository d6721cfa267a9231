"""Examines one video: cuts it into clips and judges them, or says why it cannot."""

import errno
import logging
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from vmas_pipeline.audio import fingerprint
from vmas_pipeline.curation.config import CurationConfig
from vmas_pipeline.curation.filters import Clip, Filter, Scores, Video
from vmas_pipeline.curation.sources import read_about, source_id
from vmas_pipeline.media import (
    ClipSpec,
    Measured,
    MediaError,
    Survey,
    measure,
    portable,
    printable,
    probe,
    read_audio,
    survey,
)

Row = dict[str, Any]
"""A clip with all that is known about it, or a refusal: then `reason` is set. Columns: `table.columns`."""

AnyFilter = TypeVar("AnyFilter", bound=Filter)

RETRIED = ("deferred", "error")
"""Reasons that say nothing about the video: it is examined again in the next run."""

_KEPT = ("width", "height", "fps", "video_codec", "audio_codec", "sample_rate")
"""Columns of a video's headers."""

_WHOLE = 0.9
"""A file whose picture ends before this share of the length that its headers promise is truncated."""

_LASTING = {errno.ENOENT, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EINVAL}
"""Errors of the file system that the next run would meet too."""


class _Refused(ValueError):
    """A video that is not fit."""

    def __init__(self, stage: str, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.row: Row = {"stage": stage, "reason": reason, "detail": detail}


def inspect_video(config: CurationConfig, clip: ClipSpec, stems: Path, path: Path) -> list[Row]:
    """Examines a video; whatever is wrong with it becomes a row, never an error.

    Args:
        config: what is kept.
        clip: what a clip is.
        stems: folder for audio that filters make.
        path: the video.

    Returns:
        A row for each clip, kept or refused, and one for the video where it is refused as a whole or ends early. A
        reason of `RETRIED` says that it could not be examined this time.
    """
    about: Row = {"source_path": portable(path)}
    try:
        return _inspect(config, clip, stems, path, about)
    except _Refused as refused:
        return [about | refused.row]
    except MediaError as error:
        return [about | {"stage": "probe", "reason": error.reason, "detail": str(error)}]
    except OSError as error:
        reason, when = ("unreadable", "") if error.errno in _LASTING else ("deferred", " this time")
        detail = f"{printable(path)} cannot be read{when}: {error.strerror}"
        return [about | {"stage": "probe", "reason": reason, "detail": detail}]
    except Exception as error:
        logging.getLogger(__name__).exception("%s could not be examined", printable(path))
        place = traceback.extract_tb(error.__traceback__)[-1]
        detail = (
            f"{printable(path)} met a fault of this software, please report it: {type(error).__name__}: {error} "
            f"({Path(place.filename).name}:{place.lineno})"
        )
        return [about | {"stage": "inspect", "reason": "error", "detail": detail}]


def _inspect(config: CurationConfig, clip: ClipSpec, stems: Path, path: Path, about: Row) -> list[Row]:
    """Adds to `about` what it finds, so that a refusal has it too."""
    about |= {"source_id": source_id(path), **asdict(read_about(path))}
    info, promised_s = _measure_video(config, clip, path)
    about |= {"source_duration_s": info.duration_s} | {name: getattr(info, name) for name in _KEPT}
    starts = [index * clip.duration_s for index in range(_clip_count(info.duration_s, clip))]
    look = survey(
        path,
        times=_middles(info.duration_s, config.frames),
        sizes=sorted({each.side for each in config.video_filters.values()}),
        spans=[(start_s, start_s + clip.duration_s) for start_s in starts],
        limits=config.limits,
    )
    scores, refusal = _judge(
        config,
        config.video_filters,
        lambda each: each.measure(Video(info=info, frames=look.frames[each.side])),
        printable(path),
    )
    about |= scores
    if refusal and not config.measure_all:
        return [about | refusal]
    rows = [about | row | refusal for row in _cut(config, clip, path, stems, about["source_id"], starts, look)]
    _add_fingerprint(path, info.duration_s, rows)
    return rows + [about | early.row for early in _early_end(path, info.duration_s, promised_s)]


def _measure_video(config: CurationConfig, clip: ClipSpec, path: Path) -> tuple[Measured, float]:
    """What is really there, and the length that the headers promise.

    Raises:
        _Refused: no audio, or shorter than a clip.
        MediaError: unreadable, encrypted, no picture, above the limits.
    """
    promised_s, info = probe(path).duration_s, measure(path, config.limits)
    if info.audio_codec is None:
        raise _Refused("probe", "no_audio", f"{printable(path)} has no sound track: there is no music to learn from")
    if _clip_count(info.duration_s, clip) == 0:
        for refusal in _early_end(path, info.duration_s, promised_s):
            raise refusal
        detail = f"{printable(path)} lasts {info.duration_s:.2f} s: a clip takes {clip.duration_s:g} s"
        raise _Refused("probe", "too_short", detail)
    return info, promised_s


def _early_end(path: Path, duration_s: float, promised_s: float) -> list[_Refused]:
    """A refusal of what the headers promise and the file lacks, as after an interrupted download."""
    if duration_s >= _WHOLE * promised_s:
        return []
    detail = f"{printable(path)} is truncated: its headers promise {promised_s:.1f} s, and {duration_s:.1f} s are there"
    return [_Refused("probe", "truncated", detail)]


def _clip_count(duration_s: float, clip: ClipSpec) -> int:
    """Complete clips in a video; the last may lack one frame, which is then shown twice."""
    return int((duration_s + 1 / clip.frame_rate) / clip.duration_s)


def _middles(duration_s: float, count: int) -> list[float]:
    """The middles of `count` equal parts of a video, in seconds."""
    return [(index + 0.5) * duration_s / count for index in range(count)]


def _cut(
    config: CurationConfig, clip: ClipSpec, path: Path, stems: Path, name: str, starts: list[float], look: Survey
) -> list[Row]:
    """The video's clips with their scores and verdicts; a filter that mends the audio has them judged by that."""

    def judged(audio: Path) -> list[Row]:
        return [
            _judged_clip(
                config,
                Clip(audio=audio, start_s=start_s, duration_s=clip.duration_s, picture=picture, sound=sound),
                f"{name}-{round(start_s * 1000):08d}",
                f"{printable(path)} from {start_s:g} s",
            )
            for start_s, picture, sound in zip(starts, look.picture.tolist(), look.sound.tolist())
        ]

    rows = judged(path)
    for stage, each in config.clip_filters.items():
        if any(row.get("stage") == stage for row in rows):
            audio = each.mend(path, stems, name)
            rows = judged(audio) if audio else rows
    return rows


def _judged_clip(config: CurationConfig, clip: Clip, clip_id: str, what: str) -> Row:
    row = {
        "clip_id": clip_id,
        "audio_path": portable(clip.audio),
        "start_s": clip.start_s,
        "duration_s": clip.duration_s,
    }
    scores, refusal = _judge(config, config.clip_filters, lambda each: each.measure(clip), what)
    return row | scores | refusal


def _judge(
    config: CurationConfig, filters: Mapping[str, AnyFilter], measure: Callable[[AnyFilter], Scores], what: str
) -> tuple[Row, Row]:
    """Scores of one video or clip, and the first refusal if there is one; behind it nothing is measured by default."""
    scores: Row = {}
    refusal: Row = {}
    for stage, each in filters.items():
        try:
            scores |= measure(each)
        except MediaError:
            if not refusal:
                raise
            continue  # it is refused anyway
        verdict = each.verdict(scores)
        if verdict and not refusal:
            refusal = {"stage": stage, "reason": verdict.reason, "detail": f"{what} {verdict.detail}"}
            if not config.measure_all:
                break
    return scores, refusal


def _add_fingerprint(path: Path, duration_s: float, rows: list[Row]) -> None:
    """Puts the video's audio fingerprint into the row of its first clip that is kept."""
    first = next((row for row in rows if "reason" not in row), None)
    if first is not None:
        length_s = min(fingerprint.LENGTH_S, duration_s)
        waveform = read_audio(path, sample_rate=fingerprint.SAMPLE_RATE, duration_s=length_s)[0]
        first["fingerprint"] = fingerprint.audio_fingerprint(waveform)
