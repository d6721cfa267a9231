"""The one home of PyAV: reads any film, writes films, puts new music under a picture.

Time 0 is the moment at which the picture starts; pictures and sound are read on that one clock.
"""

from vmas_pipeline.media.clip import ClipSpec
from vmas_pipeline.media.files import whole_file
from vmas_pipeline.media.probe import MediaError, MediaInfo, probe
from vmas_pipeline.media.read import read_audio, read_frames
from vmas_pipeline.media.write import replace_audio, write_video

__all__ = [
    "ClipSpec",
    "MediaError",
    "MediaInfo",
    "probe",
    "read_audio",
    "read_frames",
    "replace_audio",
    "whole_file",
    "write_video",
]
