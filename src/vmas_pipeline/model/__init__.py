"""The research core: video encoder, music decoder, losses and generation. Needs torch and timm alone."""
