"""Looks into one film: cuts it into clips, or says why not."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vmas_pipeline.curation.config import CurationConfig
from vmas_pipeline.curation.similarity import frame_side, frame_similarity
from vmas_pipeline.curation.sources import read_about, source_id
from vmas_pipeline.curation.vocals import remove_voice, vocal_score
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
"""A clip with all that is known about it, or a refusal: then `reason` is set. Columns: `curate.COLUMNS`."""

_KEPT = ("width", "height", "fps", "video_codec", "audio_codec", "sample_rate")
"""Columns of a film's headers."""

_WHOLE = 0.9
"""A file whose picture ends before this share of the length that its headers promise is truncated."""

_LISTENING_RATE = 16_000
"""Loudness and voices are judged at this rate, the tagger's."""


class Refusal(ValueError):
    """A film or clip that is not fit: the stage that found it out, the reason as a machine word, and a sentence."""

    def __init__(self, stage: str, reason: str, detail: str) -> None:
        """Keeps all three."""
        super().__init__(detail)
        self.stage, self.reason = stage, reason


@dataclass(frozen=True, kw_only=True)
class _Heard:
    """What a clip sounds like."""

    loudness_db: float  # RMS, dB of full scale
    vocal_score: float  # see `vocals.vocal_score`


def inspect_film(config: CurationConfig, clip: ClipSpec, stems: Path, path: Path) -> list[Row]:
    """Examines a film; whatever is wrong with it becomes a row, never an error.

    Args:
        config: what is kept.
        clip: what a clip is.
        stems: folder for music without its voice.
        path: the film.

    Returns:
        A row for each clip, kept or refused, and one for the film where it is refused whole or ends early.

    Raises:
        ValueError: the configuration asks for weights that are missing.
    """
    film: Row = {"source_path": portable(path)}
    try:
        film |= {"source_id": source_id(path), **asdict(read_about(path))}
        info, promised_s = _measure_film(config, clip, path)
        film |= {name: getattr(info, name) for name in _KEPT}
        starts = [index * clip.duration_s for index in range(_clip_count(info.duration_s, clip))]
        look = survey(
            path,
            times=_middles(info.duration_s, config.similarity.frames),
            size=frame_side(config.similarity),
            spans=[(start_s, start_s + clip.duration_s) for start_s in starts],
            limits=config.limits,
        )
        film["similarity"] = frame_similarity(look.frames, config.similarity)
        _check_similarity(config, path, film["similarity"])
        rows = list(_cut(config, clip, path, stems / f"{film['source_id']}.flac", film, starts, look))
        return rows + [_refused(film, refusal) for refusal in _early_end(path, info.duration_s, promised_s)]
    except Refusal as refusal:
        return [_refused(film, refusal)]
    except MediaError as error:
        return [_refused(film, Refusal("probe", error.reason, str(error)))]
    except OSError as error:
        return [_refused(film, Refusal("probe", "unreadable", f"{printable(path)} cannot be read: {error.strerror}"))]


def _measure_film(config: CurationConfig, clip: ClipSpec, path: Path) -> tuple[Measured, float]:
    """What is really there, and the length that the headers promise.

    Raises:
        Refusal: no sound, or shorter than a clip.
        MediaError: unreadable, encrypted, no picture, above the limits.
    """
    promised_s, info = probe(path).duration_s, measure(path, config.limits)
    if info.audio_codec is None:
        raise Refusal("probe", "no_audio", f"{printable(path)} has no sound track: there is no music to learn from")
    if _clip_count(info.duration_s, clip) == 0:
        for refusal in _early_end(path, info.duration_s, promised_s):
            raise refusal
        detail = f"{printable(path)} lasts {info.duration_s:.2f} s: a clip takes {clip.duration_s:g} s"
        raise Refusal("probe", "too_short", detail)
    return info, promised_s


def _early_end(path: Path, duration_s: float, promised_s: float) -> list[Refusal]:
    """A refusal of what the headers promise and the file does not hold, as after a download that was cut off."""
    if duration_s >= _WHOLE * promised_s:
        return []
    detail = f"{printable(path)} is truncated: its headers promise {promised_s:.1f} s, and {duration_s:.1f} s are there"
    return [Refusal("probe", "truncated", detail)]


def _check_similarity(config: CurationConfig, path: Path, similarity: float) -> None:
    """Raises a Refusal where the picture hardly changes."""
    if similarity >= config.similarity.maximum:
        raise Refusal(
            "similarity",
            "still_picture",
            f"{printable(path)} hardly changes: the mean similarity of its frames ({similarity:.3f}) must be below "
            f"{config.similarity.maximum:g} (curation.similarity.maximum)",
        )


def _clip_count(duration_s: float, clip: ClipSpec) -> int:
    """Whole clips in a film; the last may lack one frame, which is then shown twice."""
    return int((duration_s + 1 / clip.frame_rate) / clip.duration_s)


def _cut(
    config: CurationConfig, clip: ClipSpec, path: Path, stem: Path, film: Row, starts: list[float], look: Survey
) -> Iterator[Row]:
    """The film's clips, each with its own verdict; a voice is taken out first where that is asked for."""
    audio = path
    missing = [_missing(config, path, *of) for of in zip(starts, look.picture, look.sound)]
    heard = [None if lacks else _listen(config, clip, path, start_s) for start_s, lacks in zip(starts, missing)]
    if config.vocals.policy == "separate" and any(part and _has_voice(config, part) for part in heard):
        remove_voice(path, stem, config.vocals)
        audio = stem
        heard = [None if lacks else _listen(config, clip, stem, start_s) for start_s, lacks in zip(starts, missing)]
    for start_s, lacks, part in zip(starts, missing, heard):
        row = film | {
            "clip_id": f"{film['source_id']}-{round(start_s * 1000):08d}",
            "audio_path": portable(audio),
            "start_s": start_s,
            "duration_s": clip.duration_s,
            "vocal_score": part.vocal_score if part else None,
        }
        refusal = lacks or (part and _verdict(config, f"{printable(path)} from {start_s:g} s", part))
        yield _refused(row, refusal) if refusal else row


def _middles(duration_s: float, count: int) -> list[float]:
    """The middles of `count` equal parts of a film, in seconds."""
    return [(index + 0.5) * duration_s / count for index in range(count)]


def _missing(config: CurationConfig, path: Path, start_s: float, picture: float, sound: float) -> Refusal | None:
    """Why a clip is not whole, if it is not."""
    for what, share in (("picture", picture), ("sound", sound)):
        if share < config.present:
            detail = (
                f"{printable(path)} from {start_s:g} s has {share:.0%} of its {what}: at least {config.present:.0%} is "
                "asked for (curation.present)"
            )
            return Refusal("decode", f"{what}_missing", detail)
    return None


def _listen(config: CurationConfig, clip: ClipSpec, audio: Path, start_s: float) -> _Heard:
    waveform = read_audio(audio, sample_rate=_LISTENING_RATE, start_s=start_s, duration_s=clip.duration_s)[0]
    power = float(np.square(waveform, dtype=np.float64).mean())
    return _Heard(loudness_db=10 * np.log10(power + 1e-12), vocal_score=vocal_score(waveform, config.vocals))


def _has_voice(config: CurationConfig, heard: _Heard) -> bool:
    return heard.vocal_score > config.vocals.maximum


def _verdict(config: CurationConfig, what: str, heard: _Heard) -> Refusal | None:
    """Why a clip's sound is not fit, if it is not."""
    if heard.loudness_db < config.silence_db:
        detail = f"{what} is silent: {heard.loudness_db:.0f} dB, below {config.silence_db:g} (curation.silence_db)"
        return Refusal("sound", "silent", detail)
    if _has_voice(config, heard) and config.vocals.policy != "keep":
        detail = (
            f"{what} has a voice: score {heard.vocal_score:.2f}, above {config.vocals.maximum:g} "
            "(curation.vocals.maximum)"
        )
        return Refusal("vocals", "vocals", detail)
    return None


def _refused(row: Row, refusal: Refusal) -> Row:
    return row | {"stage": refusal.stage, "reason": refusal.reason, "detail": str(refusal)}
