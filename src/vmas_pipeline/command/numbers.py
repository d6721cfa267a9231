"""Numbers on the command line: each function turns a text into one, or says what it must be."""

import argparse
import math
import sys


def whole(text: str) -> int:
    return int(_number(text, 0, "a whole number, 0 or more", whole=True))


def one_or_more(text: str) -> int:
    return int(_number(text, 1, "a whole number, 1 or more", whole=True))


def above_zero(text: str) -> float:
    return _number(text, math.ulp(0.0), "more than 0")


def _number(text: str, least: float, rule: str, whole: bool = False) -> float:
    try:
        value = int(text) if whole else float(text)
    except ValueError:
        value = math.nan
    if not least <= value <= sys.float_info.max:
        raise argparse.ArgumentTypeError(f"{text} must be {rule}")
    return value
