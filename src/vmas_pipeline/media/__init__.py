"""All use of PyAV and the FFmpeg program: reads any video, writes videos, adds new music to a copied video stream.

Time 0 is the time of the first frame; frames and audio are read on that one clock. Foreign files are opened in a
separate process (`worker`).
"""

from vmas_pipeline.media.clip import ClipSpec, read_music
from vmas_pipeline.media.errors import MediaError, printable
from vmas_pipeline.media.files import local, portable, remove_partial, whole_file, whole_folder
from vmas_pipeline.media.frames import read_frames
from vmas_pipeline.media.limits import Limits
from vmas_pipeline.media.outputs import CONTAINERS
from vmas_pipeline.media.preview import read_preview
from vmas_pipeline.media.probe import Measured, MediaInfo, measure, probe, read_tags
from vmas_pipeline.media.remux import COMMENTS, check_output, replace_audio
from vmas_pipeline.media.sound import read_audio
from vmas_pipeline.media.survey import Survey, survey
from vmas_pipeline.media.write import write_flac, write_sound, write_video

__all__ = [
    "COMMENTS",
    "CONTAINERS",
    "ClipSpec",
    "Limits",
    "Measured",
    "MediaError",
    "MediaInfo",
    "Survey",
    "check_output",
    "local",
    "measure",
    "portable",
    "printable",
    "probe",
    "read_audio",
    "read_frames",
    "read_music",
    "read_preview",
    "read_tags",
    "remove_partial",
    "replace_audio",
    "survey",
    "whole_file",
    "whole_folder",
    "write_flac",
    "write_sound",
    "write_video",
]
