"""A training step of the music decoder: its share of the device's matrix rate, and the time of audiocraft's LMModel.

    python benchmarks/train.py                # width 256, 6 layers, 4 clips of 250 frames, one thread, float32
    python benchmarks/train.py --device cuda --dtype bfloat16 --width 1536 --layers 48 --heads 24 --frames 500

Each step is forward, plain cross-entropy, backward and AdamW; in bf16 it steps a float32 copy of the weights, as a
training run does. The share is that of a large matrix product's rate, measured in the same run; the step's operations
are counted on tensors without values, causal attention as if it were whole. audiocraft's step has the same shape,
weights and batch, in float32; its logits are compared before anything is timed, they run by turns in one process, and
the fastest of the repeats counts: in seconds of CPU time, or of the wall's clock for a GPU. Each line printed is a JSON
object.
"""

import argparse
from collections.abc import Callable
from copy import deepcopy
from functools import partial

import torch
from plain import plain_step
from timing import CLOCK, add_device, begin, fastest, installed, print_line
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from vmas_pipeline.model.losses import beat_weighted_cross_entropy
from vmas_pipeline.model.music_decoder import MusicDecoder
from vmas_pipeline.training.throughput import matmul_rate

CODEBOOKS = 4
Step = Callable[[], None]


def main() -> None:
    options = _options()
    dtype = getattr(torch, options.dtype)
    with torch.device(options.device):
        model = MusicDecoder(width=options.width, layers=options.layers, heads=options.heads, card=options.card)
        codes = torch.randint(0, options.card, (options.batch, CODEBOOKS, options.frames))
        context = torch.randn(options.batch, options.context, options.width)
        exact = options.dtype == "float32"
        build = partial(_audiocraft, options, model, codes, context)
        peers, missing = installed(audiocraft=build) if exact else ({}, {})
        weights = torch.ones(options.batch, options.frames)
    worked = model if exact else deepcopy(model).to(dtype)

    def loss() -> Tensor:
        return beat_weighted_cross_entropy(worked(codes, context.to(dtype)), codes, weights)

    ours = plain_step(model, worked, loss, _adamw(model))
    seconds = fastest({"ours": ours, **peers}, options.repeats, options.device)
    tflop = _tflop(model, codes, context)
    print_line(
        "train: TFLOP a second of a step against a large matrix product",
        ours=tflop / seconds["ours"],
        peer=matmul_rate(torch.device(options.device), dtype) / 1e12,
        unit="TFLOP a second",
        seconds_a_step=seconds["ours"],
        tflop_a_step=tflop,
        million_weights=sum(p.numel() for p in model.parameters()) / 1e6,
        **vars(options),
    )
    if exact:
        print_line(
            f"train: {CLOCK[options.device]} a step against audiocraft's LMModel",
            ours=seconds["ours"],
            peer=seconds.get("audiocraft"),
            unit=CLOCK[options.device],
            why=missing.get("audiocraft"),
            **vars(options),
        )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sizes = {"width": 256, "layers": 6, "heads": 4, "card": 2048, "frames": 250, "context": 48, "batch": 4}
    for name, value in (*sizes.items(), ("repeats", 5)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    add_device(parser)
    return begin(parser)


def _audiocraft(options: argparse.Namespace, model: MusicDecoder, codes: Tensor, context: Tensor) -> Step:
    """A step of audiocraft's LMModel, whose weights ours takes over."""
    from audiocraft.modules.conditioners import ConditionFuser, ConditioningProvider
    from peers import audiocraft_lm

    fuser = ConditionFuser({"cross": ["description"], "sum": [], "prepend": [], "input_interpolate": []})
    theirs = audiocraft_lm(options, ConditioningProvider({}), fuser)
    model.load_musicgen(theirs.state_dict())
    conditions = {"description": (context, torch.ones(context.shape[:2], device=context.device))}

    def loss() -> Tensor:  # of all frames but the last few, which its pattern leaves out
        output = theirs.compute_predictions(codes, [], conditions)
        return functional.cross_entropy(output.logits[output.mask], codes[output.mask])

    with torch.no_grad():  # what it keeps would be kept through all that is timed
        output = theirs.compute_predictions(codes, [], conditions)
        logits = model(codes, context)[output.mask]
        torch.testing.assert_close(logits, output.logits[output.mask], atol=1e-4, rtol=1e-4)
    return plain_step(theirs, theirs, loss, _adamw(theirs))


def _tflop(model: MusicDecoder, codes: Tensor, context: Tensor) -> float:
    """Of forward and backward, attention over all steps included; counted on tensors without values."""
    model, codes, context = model.to("meta"), codes.to("meta"), context.to("meta")
    with FlopCounterMode(display=False) as counter:
        model(codes, context).sum().backward()
    return counter.get_total_flops() / 1e12


def _adamw(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)


if __name__ == "__main__":
    main()
