"""An experiment's plot."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

PANELS = (
    ("mv_align", "MV Align, higher is better"),
    ("fad", "FAD, lower is better"),
    ("kl", "KL, lower is better"),
    ("r_at_10", "Retrieval R@10, higher is better"),
)


def plot_experiment(table: "DataFrame") -> "Figure":
    """One panel per metric: a dot per seed, a bar for the mean over seeds, and the chance level of MV Align.

    Args:
        table: from `run_experiment`; its first column names the variants.
    """
    from matplotlib.figure import Figure

    names = table[table.columns[0]]
    variants = list(dict.fromkeys(names))
    figure = Figure(figsize=(3.2 * len(PANELS), 0.8 + 0.5 * len(variants)), layout="constrained")
    for axes, (metric, title) in zip(figure.subplots(1, len(PANELS), sharey=True), PANELS, strict=True):
        values = table[metric].astype(float)
        means = values.groupby(names).mean()
        axes.barh(variants, [means[name] for name in variants], color="#9ec5e8")
        axes.plot(values, names, "o", color="#1f4e79", markersize=4)
        if metric == "mv_align":
            axes.axvline(table["mv_align_chance"].mean(), color="#b03030", linestyle="--", label="best blind level")
            axes.legend(frameon=False, fontsize="small")
        axes.set_title(title, fontsize="medium")
        axes.spines[["top", "right"]].set_visible(False)
        axes.invert_yaxis()
    return figure
