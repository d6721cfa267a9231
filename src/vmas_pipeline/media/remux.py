"""Adds new music to a video stream that the FFmpeg program copies packet by packet.

Copying has many cases: missing or decreasing decode times, edit lists, parameter sets, codec tags, side data for
rotation, colour, HDR and pixel aspect ratio. The program (from the package imageio-ffmpeg) handles them in the usual
way; this module decides which tracks to copy, and where time 0 is.
"""

# C channels, N samples

import errno
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import imageio_ffmpeg
import numpy as np

from vmas_pipeline.media.container import FORMATS
from vmas_pipeline.media.edit_list import end_picture
from vmas_pipeline.media.errors import MediaError, printable
from vmas_pipeline.media.limits import Limits
from vmas_pipeline.media.outputs import (
    BITS_PER_CHANNEL,
    CONTAINERS,
    Container,
    check_waveform,
    container_for,
    output,
)
from vmas_pipeline.media.probe import Measured, Track, measure

_OF_THE_OUTPUT = [
    os.strerror(number)
    for number in (*(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO), *(errno.EACCES, errno.EPERM, errno.EROFS))
]
"""System errors for a file that cannot be written."""

_CONVERT = "convert it first, as with `ffmpeg -i IN OUT.mp4`"

_OFFERED = (".mp4", ".mov", ".mkv", ".webm")
_COVERS = {"mjpeg": ("image/jpeg", ".jpg"), "png": ("image/png", ".png")}
_CONTAINERS_OWN_TAGS = ("major_brand", "minor_version", "compatible_brands")
_REORDERED = ("h264", "hevc", "vvc", "mpeg2video")
COMMENTS = ("comment", "description", "synopsis")
"""Tags for free text that every container has a place for."""

_TRIAL_S = 0.5
_LENGTH_TOLERANCE_S = 0.25


def replace_audio(
    video_path: Path | str,
    waveform: np.ndarray,
    sample_rate: int,
    out_path: Path | str,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    comment: str = "",
) -> list[str]:
    """Copies a video's video stream bit for bit and adds new music of the same length.

    Rotation, colour, HDR and pixel aspect ratio are kept, as are chapters, tags, dates, subtitles, cover art and
    attachments if the container supports them. The first frame is moved to time 0.

    Args:
        video_path: the video.
        waveform: float [C, N] in [-1, 1], one or two channels; cut or padded with silence to the video's length.
        sample_rate: in Hz, one that AAC supports.
        out_path: ends in .mp4, .m4v, .mov, .mkv or .webm; written atomically.
        limits: of the video; `timeout_s` also bounds the copy.
        comment: a tag for the file: its comment, or where the video has one already, the next of `COMMENTS`.

    Returns:
        What was dropped, one phrase each.

    Raises:
        MediaError: a video that cannot be read; "codec" for one that the container cannot carry, naming one that can;
            "output" when writing fails.
        ValueError: a suffix or a waveform that cannot be written.
    """
    out_path = Path(out_path)
    container = container_for(out_path)
    check_waveform(waveform, sample_rate)
    video = measure(video_path, limits)
    if _shows_hidden(video, container):
        raise _unfit(video_path, video, out_path)
    samples = round(video.duration_s * sample_rate)
    fitted = np.pad(waveform[:, :samples], ((0, 0), (0, max(0, samples - waveform.shape[1]))))
    with output(out_path) as temporary:
        tag = {_free_tag(video): comment} if comment else {}
        error = _copy(video_path, video, fitted, sample_rate, container, temporary, limits.timeout_s, tags=tag)
        if error is not None:
            raise _damaged(video_path, error.splitlines()[0])
        if video.hides_end:
            end_picture(temporary, video.duration_s)
        _check_copy(video_path, video, temporary, limits)
    return [_named(track) for track in _behind(video, container)]


def _free_tag(video: Measured) -> str:
    """The first tag for a comment that the video does not use itself; the last where it uses all."""
    used = {tag.lower() for tag in video.tags}
    return next((tag for tag in COMMENTS if tag not in used), COMMENTS[-1])


def _check_copy(video_path: Path | str, video: Measured, copy: Path, limits: Limits) -> None:
    """Raises "codec" if the copied stream is shorter or longer than the original."""
    try:
        arrived_s = measure(copy, limits).duration_s
    except MediaError:
        arrived_s = 0.0
    if abs(arrived_s - video.duration_s) > _LENGTH_TOLERANCE_S:
        raise _damaged(video_path, f"{arrived_s:.2f} s of its {video.duration_s:.2f} s arrived")


def _damaged(video_path: Path | str, why: str) -> MediaError:
    return MediaError(
        "codec",
        f"{printable(video_path)} could not be copied as it is ({why}): {_CONVERT}",
    )


def check_output(video_path: Path | str, out_path: Path | str, limits: Limits = Limits()) -> None:  # noqa: B008
    """Checks, before music is generated, whether `replace_audio` will be able to write.

    The video's beginning is actually copied into the container and read back.

    Raises:
        MediaError: "output" for an unsuitable folder, name or disk; otherwise as for `replace_audio`.
        ValueError: an unknown suffix.
    """
    out_path = Path(out_path)
    container = container_for(out_path)
    video = measure(video_path, limits)
    with output(out_path, keep=False) as temporary:
        temporary.touch()
        needed = video.bytes + video.duration_s * BITS_PER_CHANNEL / 8
        free = shutil.disk_usage(temporary.parent).free
        if free < needed:
            raise OSError(f"it needs {needed / 1e6:.0f} MB, and {free / 1e6:.0f} MB are free")
    if not _carries(video_path, video, container, limits):
        raise _unfit(video_path, video, out_path)


def _shows_hidden(video: Measured, container: Container) -> bool:
    """Whether a copy would show frames that the video's edit list hides."""
    return video.hides_inside or ((video.hides_start or video.hides_end) and not container.hides)


def _carries(video_path: Path | str, video: Measured, container: Container, limits: Limits) -> bool:
    """Whether the video's beginning, copied into the container, can be read back."""
    if _shows_hidden(video, container):
        return False
    with tempfile.TemporaryDirectory(prefix="vmas-") as folder:
        trial = Path(folder) / "trial"
        silence = np.zeros((1, round(_TRIAL_S * 16_000)), np.float32)
        seconds = _TRIAL_S if video.timed else None
        if _copy(video_path, video, silence, 16_000, container, trial, limits.timeout_s, seconds) is not None:
            return False
        try:
            return measure(trial, limits).video_codec == video.video_codec
        except MediaError:
            return False


def _unfit(video_path: Path | str, video: Measured, out_path: Path) -> MediaError:
    """The error, naming the containers that would work."""
    fit = [ending for ending in _OFFERED if _carries(video_path, video, CONTAINERS[ending], Limits())]
    hidden = ", whose edit list hides frames," if video.hides_start or video.hides_end or video.hides_inside else ""
    return MediaError(
        "codec",
        f"{out_path.suffix} cannot carry the {video.video_codec} picture of {printable(video_path)}{hidden} as it is: "
        + (f"write to {' or '.join(fit)}" if fit else _CONVERT),
    )


def _behind(video: Measured, container: Container) -> list[Track]:
    """The tracks that are dropped, except for the audio, which is replaced."""
    return [track for track in video.tracks if track.kind != "audio" and _becomes(track, container) is None]


def _becomes(track: Track, container: Container) -> str | None:
    """Codec of a track in the output: "copy", another codec, or None if it is dropped."""
    if track.kind == "subtitle":
        return container.subtitles.get(track.codec)
    if track.kind == "attachment" or track.cover:
        known = track.kind == "attachment" or track.codec in _COVERS
        return "copy" if known and (container.attachments or (track.cover and container.covers)) else None
    return None


def _named(track: Track) -> str:
    what = {"subtitle": "subtitles", "video": "cover art" if track.cover else "a second picture"}
    return f"{what.get(track.kind, track.kind)} {track.name or track.codec}"


def _copy(
    video_path: Path | str,
    video: Measured,
    waveform: np.ndarray,
    sample_rate: int,
    container: Container,
    out: Path,
    timeout_s: float,
    seconds: float | None = None,
    tags: Mapping[str, str] | None = None,
) -> str | None:
    """Runs FFmpeg; returns its error output if it fails.

    Raises:
        MediaError: "timeout".
        OSError: the output cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="vmas-") as folder:
        command = _command(
            video_path, video, len(waveform), sample_rate, container, out, seconds, Path(folder), tags or {}
        )
        samples = np.ascontiguousarray(np.clip(waveform, -1, 1).T, dtype="<f4").tobytes()
        try:
            # keep Python's signal settings: exceeding the file size limit is then an error, not the program's end
            done = subprocess.run(command, input=samples, capture_output=True, timeout=timeout_s, restore_signals=False)
        except subprocess.TimeoutExpired as error:
            raise MediaError(
                "timeout", f"{printable(video_path)} was being copied for more than {timeout_s:g} s: it was given up"
            ) from error
    if done.returncode == 0:
        return None
    said = done.stderr.decode(errors="replace")
    for reason in _OF_THE_OUTPUT:
        if reason in said:
            raise OSError(reason)
    return said.strip() or f"FFmpeg ended with status {done.returncode}"


def _command(
    video_path: Path | str,
    video: Measured,
    channels: int,
    sample_rate: int,
    container: Container,
    out: Path,
    seconds: float | None,
    covers: Path,
    tags: Mapping[str, str],
) -> list[str]:
    own_tags = dict.fromkeys(_CONTAINERS_OWN_TAGS, "") | dict(tags)
    return [
        *(imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-nostats", "-y"),
        # the file's own clock, shifted to put the first frame at 0; packets without a timestamp get one
        *("-copyts", "-itsoffset", f"{-video.start_s:.9f}", "-fflags", "+genpts"),
        *("-protocol_whitelist", "file", "-format_whitelist", FORMATS, "-i", _address(video_path)),
        *("-f", "f32le", "-ar", str(sample_rate), "-ac", str(channels), "-i", "pipe:0"),
        *("-map", f"0:{video.stream}", "-map", "1:0", "-c:0", "copy", "-c:1", *container.audio),
        *("-b:1", str(BITS_PER_CHANNEL * channels), "-disposition:1", "default"),
        *_track_options(video, container, covers),
        *("-map_metadata", "0", "-map_chapters", "0"),
        *(option for tag, text in own_tags.items() for option in ("-metadata", f"{tag}={text}")),
        *_time_options(video),
        *_container_options(video, container),
        *(("-t", str(seconds)) if seconds else ()),
        *("-f", container.format, _address(out)),
    ]


def _track_options(video: Measured, container: Container, folder: Path) -> Iterator[str]:
    """Further tracks, from the output's third on; covers that become attachments come last, via files in `folder`."""
    going = [track for track in video.tracks if track.kind != "audio" and _becomes(track, container)]
    attached = [track for track in going if track.cover and container.attachments]
    for number, track in enumerate((track for track in going if track not in attached), 2):
        yield from ("-map", f"0:{track.index}", f"-c:{number}", str(_becomes(track, container)))
        if track.cover:
            yield from (f"-disposition:{number}", "attached_pic")
    for number, track in enumerate(attached, 2 + len(going) - len(attached)):
        kind, ending = _COVERS[track.codec]
        file = folder / f"{track.index}{ending}"
        file.write_bytes(track.cover)
        yield from ("-attach", _address(file), f"-metadata:s:{number}", f"mimetype={kind}")
        yield from (f"-metadata:s:{number}", f"filename={track.name or 'cover' + ending}")


def _time_options(video: Measured) -> tuple[str, ...]:
    """A raw stream has no timestamps: they are derived from its frame order (FFmpeg 9 gets the last two wrong)."""
    return ("-bsf:0", "dts2pts") if not video.timed and video.video_codec in _REORDERED else ()


def _container_options(video: Measured, container: Container) -> Iterator[str]:
    if container.format in ("mp4", "mov"):
        own = any(tag.startswith("com.") for tag in video.tags)  # as written by phones
        yield from ("-movflags", "+faststart+use_metadata_tags" if own else "+faststart")
        if video.video_codec == "hevc" and not video.video_tag:
            yield from ("-tag:v:0", "hvc1")  # the only one that QuickTime and phones play


def _address(path: Path | str) -> str:
    """A name that FFmpeg always treats as a file."""
    return f"file:{os.path.abspath(path)}"  # noqa: PTH100
