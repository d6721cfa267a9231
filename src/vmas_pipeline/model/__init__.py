"""The research core: video encoder, music decoder, losses and generation. Needs only torch and timm."""
