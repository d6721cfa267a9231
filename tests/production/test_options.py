import argparse
import subprocess
import sys
from typing import Any

import pytest

from vmas_pipeline.command import generate
from vmas_pipeline.production.options import GROUPS, Options, parse_option, rule


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"seed": -1}, "seed (-1) must be a whole number, 0 or more"),
        ({"candidates": 17}, "candidates (17) must be a whole number, 1 to 16"),
        ({"lufs": 3}, "lufs (3) must be -50 to -5 or none"),
        ({"original": "mute"}, "original (mute) must be one of replace, keep, duck"),
        ({"sample_rate": 22050}, "sample_rate (22050) must be 44100 or 48000"),
        ({"top_p": 0}, "top_p (0) must be more than 0 and at most 1"),
        ({"temperature": float("inf")}, "temperature (inf) must be more than 0"),
        ({"hit_points": [1, "x"]}, "hit_points (x) must be moments such as 1.5,3.2, in seconds"),
        ({"end_s": 1, "start_s": 2}, "end_s (1) must be after start_s (2)"),
        ({"end_s": 1, "seconds": 2}, "seconds (2) and end_s (1) both end the music: give one"),
        ({"end_s": 1, "hit_points": [2]}, "hit_points (2) must lie between start_s and end_s, where the music is"),
        ({"redo": [[4, 3]]}, "redo (4-3) must be a section: from, 0 or more, to a later moment"),
        ({"tempo": 3}, "tempo is no option: choose of seed, candidates"),
        ({"seed": "a", "lufs": 1}, "seed (a) must be a whole number, 0 or more; lufs (1) must be -50 to -5 or none"),
    ],
)
def test_what_cannot_be_is_named_in_one_line_with_its_rule(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as refused:
        Options.of(values)
    assert str(refused.value).startswith(message)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("seed", "7", 7),
        ("lufs", "none", None),
        ("lufs", "-23", -23.0),
        ("hit_points", "1.5,3.2", (1.5, 3.2)),
        ("redo", "4-8,10.5-12", ((4.0, 8.0), (10.5, 12.0))),
        ("sample_rate", "48000", 48_000),
        ("channels", "2", 2),
    ],
)
def test_options_are_read_from_text(name: str, text: str, value: Any) -> None:
    assert parse_option(name, text) == value


def test_the_command_has_every_option_with_the_schemas_words_and_defaults() -> None:
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(Options.model_fields)
    parser = argparse.ArgumentParser()
    generate.add(parser.add_subparsers())
    arguments = vars(parser.parse_args(["generate", "a.mp4", "--out", "b.mp4"]))
    assert not set(arguments) & set(Options.model_fields)  # none is given: the schema has the defaults
    helped = parser._subparsers._group_actions[0].choices["generate"]._actions  # type: ignore[union-attr]
    texts = {action.dest: str(action.help) for action in helped}
    for name, field in Options.model_fields.items():
        assert texts[name].startswith(str(field.description))


def test_every_option_has_a_description_a_rule_and_a_place_in_the_json_schema() -> None:
    properties = Options.model_json_schema()["properties"]
    for name, field in Options.model_fields.items():
        assert field.description and properties[name]["description"] == field.description
        assert rule(name)


def test_the_schema_is_had_without_the_model() -> None:
    code = "import sys, vmas_pipeline.production as p; p.Options(); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
