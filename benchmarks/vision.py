"""Optical flow and CLIP's image features as features and curation compute them, against the bare networks.

    python benchmarks/vision.py --device cuda                    # RAFT large and CLIP ViT-B/16 on 224 x 224, float32
    python benchmarks/vision.py --raft small --side 128 --frames 8

Ours takes uint8 frames from the CPU's memory and gives results there; the bare network's input lies on its device and
its output stays. Random weights, by turns in one process, the fastest of the repeats; in seconds of CPU time, or of the
wall's clock for a GPU. Each line printed is a JSON object: frames a second.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import timm
import torch
from timing import CLOCK, add_device, begin, fastest, print_line
from torchvision.models.optical_flow import raft_large, raft_small

from vmas_pipeline.curation.filters.similarity import clip_features
from vmas_pipeline.features.flow import load_raft, mean_flow

RAFT_BATCH = 8
"""As in features.flow."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=96)
    parser.add_argument("--side", type=int, default=224, help="of the frames that flow is computed from, in pixels")
    parser.add_argument("--raft", default="large", choices=("large", "small"))
    parser.add_argument("--clip", default="vit_base_patch16_clip_224.openai", help="timm's name of the image tower")
    parser.add_argument("--repeats", type=int, default=3)
    add_device(parser)
    options = begin(parser)
    with tempfile.TemporaryDirectory() as folder:
        _raft(options, Path(folder) / "raft.pth")
        _clip(options, Path(folder) / "clip.pth")


def _raft(options: argparse.Namespace, weights: Path) -> None:
    torch.save((raft_large if options.raft == "large" else raft_small)().state_dict(), weights)
    frames = _frames(options.frames, options.side)
    network = load_raft(weights).to(options.device)  # the one that mean_flow uses
    inputs = torch.randn(options.frames, 3, options.side, options.side, device=options.device)

    def bare() -> None:
        for first in range(0, options.frames - 1, RAFT_BATCH):
            part = inputs[first : first + RAFT_BATCH + 1]
            network(part[:-1], part[1:])

    runs = {"ours": lambda: mean_flow(frames, "raft", raft_weights=weights), "bare": bare}
    _report(f"flow: frames a second, RAFT {options.raft}, against the bare network", runs, options)


def _clip(options: argparse.Namespace, weights: Path) -> None:
    network = timm.create_model(options.clip, pretrained=False).eval().to(options.device)
    torch.save(network.state_dict(), weights)
    frames = _frames(options.frames, 224)
    inputs = torch.randn(options.frames, 3, 224, 224, device=options.device)
    runs = {
        "ours": lambda: clip_features(frames, options.clip, weights, options.device),
        "bare": lambda: network(inputs),
    }
    _report("similarity: frames a second, CLIP's image tower, against the bare network", runs, options)


def _frames(count: int, side: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def _report(name: str, runs: dict, options: argparse.Namespace) -> None:
    fastest(runs, 1, options.device)  # loads the weights, and lets cuDNN choose
    seconds = fastest(runs, options.repeats, options.device)
    print_line(
        name,
        ours=options.frames / seconds["ours"],
        peer=options.frames / seconds["bare"],
        unit=f"frames a {CLOCK[options.device].removesuffix('s')}",
        **vars(options),
    )


if __name__ == "__main__":
    main()
