import pandas as pd

from vmas_pipeline.experiments.plot import PANELS, plot_experiment


def test_every_seed_is_a_dot_and_every_variant_a_bar():
    rows = [
        {"variant": name, "seed": seed, "mv_align_chance": 0.12}
        | {metric: 0.1 * seed + 0.2 * index for metric, _ in PANELS}
        for index, name in enumerate(("one", "two"))
        for seed in (0, 1, 2)
    ]
    figure = plot_experiment(pd.DataFrame(rows))
    for axes in figure.axes:
        assert len(axes.patches) == 2
        assert len(axes.lines[0].get_xdata()) == 6
    assert [axes.patches[1].get_width() for axes in figure.axes] == [0.30000000000000004] * len(PANELS)
