"""The ablation: variants of the training, evaluated identically and compared clip by clip (paper Table 5)."""
