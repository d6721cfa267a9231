"""The ablation: variants of the training, measured alike and compared clip by clip (paper Table 5)."""
