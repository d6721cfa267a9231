"""The video encoders of the paper's Table 6: multiply-adds by part, and time against stock Hiera-B on 16 frames.

    python benchmarks/encoder.py              # one thread, float32, random weights

The peer is timm's Hiera, whose 2-D and 3-D models ours equals (tests/model/encoders/test_hiera_parity.py). They run by
turns in one process; the fastest of the repeats counts, in seconds of CPU time a clip, or of the wall's clock on a GPU.
"""

import argparse
from collections.abc import Callable

import torch
from timing import CLOCK, add_device, begin, fastest, print_line
from timm.models.hiera import Hiera
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from vmas_pipeline.model.encoders.clip_vit import ClipViT, clip_base
from vmas_pipeline.model.encoders.hiera import hiera_base_16x224, temporal_hiera_base

PARTS = {"aten.convolution": "patches", "aten.addmm": "linear", "aten.bmm": "attention"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    add_device(parser)
    options = begin(parser)
    models = {
        "paper": (temporal_hiera_base, 96),
        "hiera_16": (hiera_base_16x224, 16),
        "clip_16": (_clip, 16),
        "timm_hiera_16": (_timm, 16),
    }
    runs = {name: _run(build(), frames, options.device) for name, (build, frames) in models.items()}
    seconds = fastest(runs, options.repeats, options.device)
    for name in ("paper", "hiera_16", "clip_16"):
        build, frames = models[name]
        print_line(
            f"encoder: {CLOCK[options.device]} a clip, {name}, {frames} frames, against timm's Hiera-B on 16",
            ours=seconds[name],
            peer=seconds["timm_hiera_16"],
            unit=CLOCK[options.device],
            giga_multiply_adds=_multiply_adds(build, frames),
            **vars(options),
        )


def _clip() -> ClipViT:
    return ClipViT(clip_base())


def _timm() -> Hiera:
    return Hiera(
        img_size=(16, 224, 224), num_classes=0, q_stride=(1, 2, 2), mask_unit_size=(1, 8, 8), patch_kernel=(3, 7, 7),
        patch_stride=(2, 4, 4), patch_padding=(1, 3, 3), sep_pos_embed=True,
    )  # fmt: skip


def _run(model: nn.Module, frames: int, device: str) -> Callable[[], Tensor]:
    model, clip = model.eval().to(device), torch.randn(1, 3, frames, 224, 224, device=device)
    return lambda: model(clip)


def _multiply_adds(build: Callable[[], nn.Module], frames: int) -> dict[str, float]:
    with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
        build().eval()(torch.empty(1, 3, frames, 224, 224))
    counted = {PARTS[str(kind)]: n / 2e9 for kind, n in counter.get_flop_counts()["Global"].items()}
    counted |= {"all": sum(counted.values()), "as the paper counts": 2 * counted["linear"]}
    return {part: round(value, 2) for part, value in counted.items()}


if __name__ == "__main__":
    main()
