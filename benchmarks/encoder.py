"""The video encoders of the paper's Table 6: multiply-adds by part, and time against stock Hiera-B on 16 frames.

    python benchmarks/encoder.py              # one thread, float32, random weights
    python benchmarks/encoder.py --device cuda --dtype bfloat16 --clips 8

The peer is timm's Hiera, whose 2-D and 3-D models ours equals (tests/model/encoders/test_hiera_parity.py). They run by
turns in one process; the fastest of the repeats counts: seconds a clip, of CPU time or, for a GPU, of the wall's clock.
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

MODELS: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "paper": (temporal_hiera_base, 96),
    "hiera_16": (hiera_base_16x224, 16),
    "clip_16": (lambda: ClipViT(clip_base()), 16),
}
"""How each is built, and the frames that it takes."""
PARTS = {"aten.convolution": "patches", "aten.addmm": "linear", "aten.bmm": "attention"}


def main() -> None:
    options = _options()
    runs = {name: _run(*MODELS[name], options) for name in options.models} | {"timm": _run(_timm, 16, options)}
    seconds = {name: s / options.clips for name, s in fastest(runs, options.repeats, options.device).items()}
    clock = CLOCK[options.device]
    for name in options.models:
        build, frames = MODELS[name]
        print_line(
            f"encoder: {clock} a clip, {name}, {frames} frames, against timm's Hiera-B on 16",
            ours=seconds[name],
            peer=seconds["timm"],
            unit=clock,
            giga_multiply_adds=_multiply_adds(build, frames),
            **vars(options),
        )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--clips", type=int, default=1, help="at once")
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--repeats", type=int, default=3)
    add_device(parser)
    return begin(parser)


def _timm() -> Hiera:
    return Hiera(
        img_size=(16, 224, 224), num_classes=0, q_stride=(1, 2, 2), mask_unit_size=(1, 8, 8), patch_kernel=(3, 7, 7),
        patch_stride=(2, 4, 4), patch_padding=(1, 3, 3), sep_pos_embed=True,
    )  # fmt: skip


def _run(build: Callable[[], nn.Module], frames: int, options: argparse.Namespace) -> Callable[[], Tensor]:
    dtype = getattr(torch, options.dtype)
    with torch.device(options.device):
        model = build().to(dtype).eval()
        clips = torch.randn(options.clips, 3, frames, 224, 224, dtype=dtype)
    return lambda: model(clips)


def _multiply_adds(build: Callable[[], nn.Module], frames: int) -> dict[str, float]:
    with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
        build().eval()(torch.empty(1, 3, frames, 224, 224))
    counted = {PARTS[str(kind)]: n / 2e9 for kind, n in counter.get_flop_counts()["Global"].items()}
    counted |= {"all": sum(counted.values()), "as the paper counts": 2 * counted["linear"]}
    return {part: round(value, 2) for part, value in counted.items()}


if __name__ == "__main__":
    main()
