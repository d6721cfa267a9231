"""What a maker can ask for: one schema for the command line, Python, the HTTP API and the page."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Span = tuple[float, float]
"""From and to, in seconds of the video."""


class Options(BaseModel):
    """How a video's music is made, mixed and written. Everything has a default."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    seed: int = Field(default=0, ge=0, description="another seed makes another piece")
    candidates: int = Field(
        default=1, ge=1, le=16, description="takes to make, of the seeds from SEED on; the best comes first"
    )
    seconds: float | None = Field(default=None, gt=0, description="music for this long at most, then silence")
    start_s: float = Field(default=0, ge=0, description="where in the video the music begins")
    end_s: float | None = Field(default=None, gt=0, description="where in the video the music ends")

    hit_points: tuple[float, ...] = Field(
        default=(), description="moments of the video at which the music shall strike"
    )
    hit_cuts: bool = Field(default=False, description="let it strike at the video's cuts, too")
    music_at_s: float | None = Field(
        default=None, ge=0, description="where in the video given music begins; START_S when left out"
    )
    redo: tuple[Span, ...] = Field(default=(), description="sections of given music to make anew; the rest stays")

    top_k: int | None = Field(default=None, ge=1, description="choose among the K likeliest tokens")
    top_p: float | None = Field(
        default=None, gt=0, le=1, description="and of those the fewest that hold this share of the probability"
    )
    temperature: float | None = Field(default=None, gt=0, description="below 1 is safer, above 1 bolder")
    guidance: float | None = Field(default=None, ge=0, description="above 1 follows the picture more closely")
    curve_guidance: float | None = Field(
        default=None,
        ge=0,
        description="the same for cuts and motion alone, where it shall differ from the guidance",
    )

    original: Literal["replace", "keep", "duck"] = Field(
        default="replace",
        description="the video's own sound: left out, kept beside the music, or kept and the music ducked under speech",
    )
    music_db: float = Field(
        default=0, ge=-40, le=20, description="how much louder the music is than an original that is kept"
    )
    lufs: float | None = Field(
        default=-14, ge=-50, le=-5, description="loudness (EBU R128) of the result; none leaves it as generated"
    )
    true_peak_db: float = Field(
        default=-1, ge=-20, le=0, description="true peak of the result at most; unless all is left as generated"
    )
    fade_in_s: float = Field(default=0, ge=0, description="the music fades in for this long")
    fade_out_s: float = Field(default=0, ge=0, description="the music fades out for this long")
    sample_rate: Literal[44100, 48000] | None = Field(
        default=None, description="of the sound; the model's own when left out, or that of an original that is kept"
    )
    channels: Literal[1, 2] | None = Field(
        default=None, description="of the sound; one when left out, or those of an original that is kept"
    )
    container: Literal["mp4", "m4v", "mov", "mkv", "webm", "wav", "flac"] = Field(
        default="mp4", description="kind of file; wav and flac hold the sound alone"
    )

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Validated options.

        Raises:
            ValueError: in one line, each option with its value and rule.
        """
        try:
            return cls(**values)
        except ValidationError as error:
            raise ValueError(complaint(error)) from error

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.seconds is not None and self.end_s is not None:
            raise ValueError(f"seconds ({self.seconds:g}) and end_s ({self.end_s:g}) both end the music: give one")
        if self.end_s is not None and self.end_s <= self.start_s:
            raise ValueError(f"end_s ({self.end_s:g}) must be after start_s ({self.start_s:g})")
        for moment in self.hit_points:
            if moment < self.start_s or moment >= (self.end_s or float("inf")):
                raise ValueError(f"hit_points ({moment:g}) must lie between start_s and end_s, where the music is")
        for first, last in self.redo:
            if not 0 <= first < last:
                raise ValueError(f"redo ({first:g}-{last:g}) must be a section: from, 0 or more, to a later moment")
        return self

    @property
    def sampling(self) -> dict[str, Any]:
        """The settings of the model's `SamplingConfig` that are not its own."""
        names = ("top_k", "top_p", "temperature", "guidance", "curve_guidance")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


GROUPS: dict[str, tuple[str, ...]] = {
    "takes": ("seed", "candidates", "seconds", "start_s", "end_s"),
    "moments": ("hit_points", "hit_cuts", "music_at_s", "redo"),
    "how the music is drawn; each is the model's own setting when left out": (
        *("top_k", "top_p", "temperature", "guidance", "curve_guidance"),
    ),
    "sound": (
        *("original", "music_db", "lufs", "true_peak_db", "fade_in_s", "fade_out_s", "sample_rate", "channels"),
        "container",
    ),
}
"""The options by heading, in the order in which they are shown."""


def parse_option(name: str, text: str) -> Any:
    """An option's value from text: lists are separated by commas, sections are FROM-TO, and none is no value.

    Raises:
        ValueError: with the value and its rule.
    """
    try:
        return getattr(Options(**{name: _untext(name, text)}), name)
    except ValueError as error:  # pydantic's among them
        raise ValueError(f"{text} must be {rule(name)}") from error


def rule(name: str) -> str:
    """What an option's value must be, in words."""
    if name == "redo":
        return "sections such as 4-8,10.5-12, in seconds"
    if name == "hit_points":
        return "moments such as 1.5,3.2, in seconds"
    schema = Options.model_json_schema()["properties"][name]
    kinds = schema.get("anyOf", [schema])
    or_none = " or none" if schema["default"] is not None and {"type": "null"} in kinds else ""
    return _in_words(kinds[0]) + or_none


def complaint(error: ValidationError) -> str:
    """What pydantic refused, in one line: each option with its value and rule."""
    return "; ".join(_one_complaint(each) for each in error.errors())


def _one_complaint(found: Any) -> str:
    if not found["loc"]:  # options that do not agree
        return str(found["ctx"]["error"])
    name = str(found["loc"][0])
    if name not in Options.model_fields:
        return f"{name} is no option: choose of {', '.join(Options.model_fields)}"
    return f"{name} ({found['input']}) must be {rule(name)}"


def _in_words(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return (
            " or ".join(map(str, schema["enum"])) if len(schema["enum"]) < 3 else f"one of {', '.join(schema['enum'])}"
        )
    if schema["type"] == "boolean":
        return "true or false"
    whole = "a whole number, " if schema["type"] == "integer" else ""
    least, above, most = (schema.get(key) for key in ("minimum", "exclusiveMinimum", "maximum"))
    if above is not None:
        return f"{whole}more than {above:g}" + ("" if most is None else f" and at most {most:g}")
    return whole + (f"{least:g} or more" if most is None else f"{least:g} to {most:g}")


def _untext(name: str, text: str) -> Any:
    kind = str(Options.model_fields[name].annotation)
    if text.lower() == "none" and "None" in kind:
        return None
    if name == "redo":
        return [[float(end) for end in part.split("-")] for part in text.split(",")]
    if kind.startswith("tuple"):
        return text.split(",")
    return int(text) if "Literal[4" in kind or "Literal[1" in kind else text
