"""The study's figure, in the form of the paper's Figure 3."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vmas_pipeline.study.analyse import Comparison
from vmas_pipeline.study.config import QUESTIONS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {"first": "#0b7d72", "neither": "#d5d9dc", "second": "#e0a458"}
INKS = {"first": "white", "neither": "#333a41", "second": "#2b1d05"}
TITLES = {"quality": "Music quality", "synchronisation": "Synchronisation with the video"}
LEAST_WRITTEN = 0.06
"""Smallest share whose percentage fits into its part of the bar."""


def plot_preferences(comparisons: Sequence[Comparison]) -> "Figure":
    """A panel for each question, a stacked bar for each two systems: prefer the first, cannot tell, prefer the second.

    The whisker is the first system's 95 % interval.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    asked = [question for question in QUESTIONS if any(c.question == question for c in comparisons)]
    most = max(sum(c.question == question for c in comparisons) for question in asked)
    figure = Figure(figsize=(10.5, 1.5 + 0.62 * most), layout="constrained")
    for axes, question in zip(figure.subplots(1, len(asked), squeeze=False)[0], asked, strict=True):
        _panel(axes, [comparison for comparison in comparisons if comparison.question == question])
        axes.set_title(TITLES[question], fontsize=11, loc="left", fontweight="bold")
    firsts = {comparison.first for comparison in comparisons}
    first = f"prefer {_name(firsts.pop())}" if len(firsts) == 1 else "prefer the first"
    words = {"first": first, "neither": "cannot tell", "second": "prefer the other"}
    handles = [Patch(color=COLOURS[answer], label=text) for answer, text in words.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=10)
    return figure


def _panel(axes: "Axes", comparisons: Sequence[Comparison]) -> None:
    one_first = len({comparison.first for comparison in comparisons}) == 1
    for place, comparison in enumerate(comparisons):
        left = 0.0
        for answer, interval in comparison.rates.items():
            share = interval.mean
            axes.barh(place, share, left=left, height=0.62, color=COLOURS[answer], edgecolor="white", linewidth=1)
            if share >= LEAST_WRITTEN:
                axes.text(
                    left + (0.02 if answer == "first" else share / 2),
                    place - 0.07,
                    f"{share:.0%}",
                    color=INKS[answer],
                    ha="left" if answer == "first" else "center",
                    va="center",
                    fontsize=10,
                    fontweight="bold" if answer == "first" else "normal",
                )
            left += share
        first = comparison.rates["first"]
        reach = [[first.mean - first.low], [first.high - first.mean]]
        axes.errorbar(first.mean, place + 0.2, xerr=reach, color="#10201e", capsize=2.5, linewidth=1.2)
    names = [f"vs. {_name(c.second)}" if one_first else f"{_name(c.first)} vs. {_name(c.second)}" for c in comparisons]
    axes.set_yticks(range(len(names)), names, fontsize=10)
    axes.set_xlim(0, 1)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25", "50", "75", "100 %"], fontsize=9, color="#5b636c")
    axes.axvline(0.5, color="#5b636c", linewidth=0.8, linestyle=":", zorder=0)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _name(system: str) -> str:
    return system.replace("_", " ")
