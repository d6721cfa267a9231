"""From a video to takes of finished music, ranked, mixed and written."""

# C channels, K codebooks, T token frames

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch import Tensor

from vmas_pipeline.audio.onsets import load_librosa, onset_times
from vmas_pipeline.codec.chunks import decode_in_chunks
from vmas_pipeline.conditioning import conditions_of_frames
from vmas_pipeline.generator import Generator, Music
from vmas_pipeline.media import (
    CONTAINERS,
    Limits,
    Measured,
    check_output,
    measure,
    printable,
    replace_audio,
    whole_folder,
    write_sound,
)
from vmas_pipeline.production.credentials import Signer, check_signable
from vmas_pipeline.production.cuts import find_cuts
from vmas_pipeline.production.given import TOKENS, given_codes, save_tokens, tokens_of
from vmas_pipeline.production.loudness import level
from vmas_pipeline.production.mix import Mix, mix
from vmas_pipeline.production.options import Options
from vmas_pipeline.production.record import origin, to_tag
from vmas_pipeline.production.scores import Scores, Watched, ranked, score, seam_scores, watch
from vmas_pipeline.versioning import content_hash

RECORD = "production.json"

SOUNDS: dict[str, Literal["WAV", "FLAC"]] = {".wav": "WAV", ".flac": "FLAC"}
"""Kinds of file that hold the sound alone."""

Report = Callable[[str, int, int], None]
"""Progress: stage (watch, compose, write), steps done and their number."""


@dataclass(frozen=True, kw_only=True)
class Take:
    """A take as written."""

    seed: int
    scores: Scores
    files: dict[str, Path]
    """music (as it is in the mix, alone), video (or sound, for wav and flac), record, tokens (to give as `music`)."""
    record: dict[str, Any]

    @property
    def main(self) -> Path:
        """The file that was asked for."""
        return self.files.get("video") or self.files["sound"]


@dataclass(frozen=True, kw_only=True)
class Production:
    """All takes for a video."""

    takes: tuple[Take, ...]  # the best first
    folder: Path
    left: tuple[str, ...]  # what of the video the container has no place for


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A take as composed."""

    seed: int
    codes: Tensor  # int64 [K, T]
    music: Music
    onsets_s: np.ndarray  # after its start
    scores: Scores


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A video, the part that gets music, and the moments at which it shall strike."""

    video: Path
    info: Measured
    start_s: float
    end_s: float
    hits_s: tuple[float, ...]  # of the video


def produce(
    video: Path,
    folder: Path,
    generator: Generator,
    options: Options = Options(),  # noqa: B008 - frozen
    *,
    model_name: str = "a model without a name",
    music: Path | None = None,
    signer: Signer | None = None,
    progress: Report | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> Production:
    """Make music for a video: takes of several seeds, measured, ranked, mixed with its sound and written.

    Args:
        video: any file with a video stream that FFmpeg reads.
        folder: gets, once all is done, for each take i from 1, the best first: take-i.wav (the music alone, as it is in
            the mix), take-i.mp4 (the video with the mix; take-i.mix.wav or .flac for the sound alone), take-i.json (its
            record, which is inside the file, too), take-i.npz (its tokens); and production.json: all records, and the
            moments of the motion's peaks and of each take's onsets, in seconds of the video.
        generator: the model.
        options: what is asked for.
        model_name: for the records.
        music: given music to keep, or to redo in sections: a sound, a video with one, or a take's tokens.
        signer: adds content credentials to each take's sound and video.
        progress: called after each step; an exception from it stops the work, and nothing is left of it.
        limits: of the video.

    Raises:
        MediaError: the video cannot be read, or is above the limits; "codec" for a container that cannot carry it.
        ValueError: options that this video or model does not allow, or a folder that holds other files.
    """
    report = progress or (lambda stage, done, total: None)
    folder = Path(folder)
    if folder.exists() and not (folder / RECORD).is_file() and any(folder.iterdir()):
        raise ValueError(f"{folder} holds files that are no production: name a new folder, or an empty one")
    if signer:
        check_signable(options.container)
    generator = generator.with_sampling(**options.sampling)
    plan = plan_production(Path(video), generator, options, limits)
    with whole_folder(folder) as partial:
        left: list[str] = []
        if f".{options.container}" in CONTAINERS:
            check_output(video, partial / f"take-1.{options.container}", limits)
        watched, composed = _compose(plan, generator, options, music, report, limits)
        takes = []
        for number, piece in enumerate(composed, 1):
            report("write", number - 1, len(composed))
            mixed = mix(piece.music, plan.start_s, plan.video, plan.info, options, limits)
            record = {**_record(plan, generator, model_name, options, piece, mixed), "signed": signer is not None}
            record["given_music"] = music is not None
            files, left = _write(plan, partial, number, options, mixed, record, limits)
            if signer:
                _sign(signer, partial, files, options, record)
            save_tokens(partial / files["tokens"], generator, piece.codes)
            paths = {kind: folder / name for kind, name in files.items()}
            takes.append(Take(seed=piece.seed, scores=piece.scores, record=record, files=paths))
            report("write", number, len(composed))
        _write_json(partial / RECORD, _timeline(plan, watched, composed) | {"takes": [take.record for take in takes]})
    return Production(takes=tuple(takes), folder=folder, left=tuple(left))


def warm_up(generator: Generator) -> None:
    """Import and compile what the first take would: half a minute of a busy server's time, before anyone waits."""
    clip = generator.clip
    frames = np.zeros((clip.frames_per_clip, clip.frame_size, clip.frame_size, 3), np.uint8)
    waveform = generator.generate_clips(conditions_of_frames(frames, generator.model.config), [0])
    level(waveform, generator.codec.sample_rate, None, 0.0)
    load_librosa()


def video_name(video: Path) -> str:
    """Names a video by its content."""
    return content_hash(video)


def plan_production(video: Path, generator: Generator, options: Options, limits: Limits) -> Plan:
    """Where the music goes and where it shall strike.

    Raises:
        MediaError: as for `produce`.
        ValueError: moments beyond the video's end.
    """
    info = measure(video, limits)
    ends = [info.duration_s, *([options.end_s] if options.end_s else [])]
    end_s = min(*ends, options.start_s + (options.seconds or info.duration_s))
    moments = {"start_s": [options.start_s], "hit_points": options.hit_points, "redo": [a for a, _ in options.redo]}
    for name, given in moments.items():
        if late := [moment for moment in given if moment >= info.duration_s]:
            raise ValueError(
                f"{name} ({late[0]:g}) is not before the end of {printable(video)}, {info.duration_s:.2f} s"
            )
    hits = set(options.hit_points)
    if options.hit_cuts:
        hits |= set(find_cuts(video, options.start_s, end_s, limits))
    inside = tuple(sorted(moment for moment in hits if options.start_s <= moment < end_s))
    return Plan(video=video, info=info, start_s=options.start_s, end_s=end_s, hits_s=inside)


def _compose(
    plan: Plan, generator: Generator, options: Options, music: Path | None, report: Report, limits: Limits
) -> tuple[Watched, list[Piece]]:
    """What was seen, and the takes, the best first."""
    duration_s, rate = plan.end_s - plan.start_s, generator.codec.frame_rate
    tokens, given = generator.tokens_in(duration_s), None
    if music is not None:
        first = round(((options.music_at_s or plan.start_s) - plan.start_s) * rate)
        given = given_codes(generator, music, first, tokens, tokens_of(options.redo, plan.start_s, rate), limits)
    elif options.redo:
        raise ValueError("redo needs the music whose sections are to be made anew: give it, too")
    seeds = range(options.seed, options.seed + options.candidates)
    watched = watch(generator, plan.video, plan.start_s, tokens, lambda *steps: report("watch", *steps), limits)
    codes = generator.compose(
        plan.video,
        seeds,
        tokens,
        start_s=plan.start_s,
        given=given,
        strikes_s=plan.hits_s,
        progress=lambda *steps: report("compose", *steps),
        limits=limits,
    )
    pieces = [_piece(plan, generator, watched, seed, each) for seed, each in zip(seeds, codes)]
    if given is not None:
        kept = given[0].numpy() >= 0
        seams = seam_scores(generator, plan.video, plan.start_s, codes, kept, limits)
        for piece, seam in zip(pieces, seams, strict=False):
            piece.scores["seam"] = seam
    return watched, [pieces[i] for i in ranked([piece.scores for piece in pieces])]


def _piece(plan: Plan, generator: Generator, watched: Watched, seed: int, codes: Tensor) -> Piece:
    """Decode and measure a take."""
    duration_s, rate = plan.end_s - plan.start_s, generator.codec.sample_rate
    waveform = decode_in_chunks(generator.codec, codes[None])[0, :, : round(duration_s * rate)]  # [1, N]
    onsets = onset_times(waveform[0], rate)
    hits = [moment - plan.start_s for moment in plan.hits_s]
    scores = score(generator, watched, codes, onsets, duration_s, hits)
    music = Music(waveform=waveform, sample_rate=rate)
    return Piece(seed=seed, codes=codes, music=music, onsets_s=onsets, scores=scores)


def _timeline(plan: Plan, watched: Watched, pieces: list[Piece]) -> dict[str, Any]:
    """Moments of the video: peaks of its motion, and onsets of each take."""

    def of_video(moments: np.ndarray) -> list[float]:
        return [round(float(moment) + plan.start_s, 3) for moment in moments]

    return {"peaks_s": of_video(watched.peaks_s), "onsets_s": [of_video(piece.onsets_s) for piece in pieces]}


def _record(
    plan: Plan,
    generator: Generator,
    model_name: str,
    options: Options,
    piece: Piece,
    mixed: Mix,
) -> dict[str, Any]:
    return {
        **origin(generator, model_name, options),
        "video": video_name(plan.video),
        "seed": piece.seed,
        "music_s": [round(plan.start_s, 3), round(plan.end_s, 3)],
        "hits_s": [round(moment, 3) for moment in plan.hits_s],
        "scores": {name: None if value is None else round(value, 4) for name, value in piece.scores.items()},
        "sound": {**mixed.about, "sample_rate": mixed.sample_rate, "channels": len(mixed.sound)},
    }


def _write(
    plan: Plan, folder: Path, number: int, options: Options, mixed: Mix, record: dict[str, Any], limits: Limits
) -> tuple[dict[str, str], list[str]]:
    """A take's files; their names, and what of the video was left behind."""
    stem, ending, tag = f"take-{number}", f".{options.container}", to_tag(record)
    video = ending in CONTAINERS
    main = "video" if video else "sound"
    files = {"music": f"{stem}.wav", main: f"{stem}{'' if video else '.mix'}{ending}"}
    files |= {"record": f"{stem}.json", "tokens": f"{stem}{TOKENS}"}
    write_sound(folder / files["music"], mixed.music, mixed.sample_rate, kind="WAV", comment=tag)
    left = write_mix(mixed, plan.video, folder / files[main], limits, tag)
    _write_json(folder / files["record"], record)
    return files, left


def write_mix(mixed: Mix, video: Path, out: Path, limits: Limits, comment: str = "") -> list[str]:
    """Write a copy of the video with a finished sound, or the sound alone where `out` is one of `SOUNDS`.

    Returns:
        What of the video the container has no place for.
    """
    if kind := SOUNDS.get(out.suffix.lower()):
        write_sound(out, mixed.sound, mixed.sample_rate, kind=kind, bits=24, comment=comment)
        return []
    return replace_audio(video, mixed.sound, mixed.sample_rate, out, limits, comment=comment)


def _sign(signer: Signer, folder: Path, files: dict[str, str], options: Options, record: dict[str, Any]) -> None:
    signer.sign(folder / files["music"], record, with_picture=False)
    for name in {"video", "sound"} & set(files):
        more = name == "video" or options.original != "replace"
        signer.sign(folder / files[name], record, with_picture=more)


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n")
