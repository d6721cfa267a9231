"""Problems with a file, as a machine-readable reason and as a sentence."""

import os
from pathlib import Path


class MediaError(ValueError):
    """A file that cannot be used."""

    def __init__(self, reason: str, detail: str) -> None:
        """Stores both.

        Args:
            reason: unreadable, no_video, no_audio, encrypted, clock, too_long, too_large, claim, codec, output, crash,
                timeout.
            detail: one sentence with the file's name and what to do.
        """
        super().__init__(detail)
        self.reason = reason

    def __reduce__(self) -> tuple[type["MediaError"], tuple[str, str]]:
        """Makes the error picklable, for passing between processes."""
        return MediaError, (self.reason, str(self))


def printable(path: Path | str) -> str:
    """A path as text for messages: names are bytes, so invalid UTF-8 and non-printable characters are escaped."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
