"""A video's cuts, by PySceneDetect's adaptive detector."""

from pathlib import Path

from vmas_pipeline.media import Limits, read_frames

FRAME_RATE = 24.0
SIZE = 96
_CHUNK = round(20 * FRAME_RATE)
"""Frames read at once: memory does not grow with the video's length."""


def find_cuts(
    video: Path,
    start_s: float,
    end_s: float,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> list[float]:
    """Times at which a new shot begins, in seconds, to the nearest 24th.

    Args:
        video: the file.
        start_s, end_s: the part that is looked at.
        limits: of reading it.
    """
    from scenedetect import AdaptiveDetector, FrameTimecode

    detector, total = AdaptiveDetector(), max(1, int((end_s - start_s) * FRAME_RATE))
    found = []
    for first in range(0, total, _CHUNK):
        frames = read_frames(
            video,
            frame_rate=FRAME_RATE,
            size=SIZE,
            start_s=start_s + first / FRAME_RATE,
            frames=min(_CHUNK, total - first),
            limits=limits,
        )
        for number, frame in enumerate(frames, first):
            found += detector.process_frame(FrameTimecode(number, FRAME_RATE), frame[..., ::-1].copy())  # BGR
    found += detector.post_process(FrameTimecode(total - 1, FRAME_RATE))
    return [start_s + cut.frame_num / FRAME_RATE for cut in found]
