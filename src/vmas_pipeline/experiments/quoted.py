"""The paper's own figures, shown beside measured ones and never mixed with them: other clips, taggers and embeddings.

Source: VMAs (Lin et al.), Tables 3, 5, 6 and 7 and section 6.2, on the DISCO-MV test set; `v2meow` on MusicCaps, where
VMAs has 4.07.
"""

from typing import Any

TITLES = {"mv_align": ("MV Align", 3), "fad": ("FAD", 2), "kl": ("KL", 2), "r_at_10": ("R@10", 3)}
"""Metric -> title and digits."""

PAPER: dict[str, dict[str, dict[str, Any]]] = {
    "comparison": {
        "vmas": {"fad": 2.38, "kl": 1.34, "mv_align": 0.35, "r_at_10": 0.267},
        "vidmusicgen": {"fad": 2.93, "kl": 1.60, "mv_align": 0.25},
        "cmt": {"fad": 3.70, "kl": 1.82, "mv_align": 0.34},
        "video2music": {"fad": 4.36, "kl": 1.93, "mv_align": 0.29},
        "vid2mldm": {"fad": 3.21, "kl": 1.41, "mv_align": 0.32},
        "v2meow": {"fad": 4.62},
        "mvpt": {"r_at_10": 0.181},
    },
    "ablation": {
        "autoregressive": {"fad": 2.75, "kl": 1.40, "mv_align": 0.243},
        "contrastive": {"fad": 2.40, "kl": 1.34, "mv_align": 0.251},
        "contrastive_and_beats": {"fad": 2.38, "kl": 1.34, "mv_align": 0.352},
    },
    "encoders": {"temporal": {"fad": 2.38, "kl": 1.34, "mv_align": 0.35}},
    "retrieval": {"vmas": {"r_at_10": 0.267}, "mvpt": {"r_at_10": 0.181}},
    "data_cleaning": {
        "filtered": {"fad": 2.38, "kl": 1.34, "mv_align": 0.35},
        "unfiltered": {"fad": 4.52, "kl": 2.11, "mv_align": 0.18},
    },
    "data_size": {
        "all": {"fad": 2.4},
        "half": {"fad": 2.7},
        "quarter": {"fad": 2.9},
        "tenth": {"fad": 3.2},
    },
}
"""Experiment -> variant -> metric -> value."""
