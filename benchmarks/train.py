"""A training step of the music decoder: ours against audiocraft's LMModel of the same shape, weights and batch.

    python benchmarks/train.py                # width 256, 6 layers, 4 clips of 250 frames, one thread, float32

Each step is forward, plain cross-entropy, backward and AdamW, ours as a training run has it. The logits are compared
before anything is timed; the two run by turns in one process, and the fastest of the repeats counts, in seconds of CPU
time. The line printed is a JSON object: seconds a step.
"""

import argparse
from collections.abc import Callable

import torch
from audiocraft.models.lm import LMOutput
from audiocraft.modules.conditioners import ConditionFuser, ConditioningProvider
from peers import CODEBOOKS, audiocraft_lm
from timing import fastest, print_line
from torch import Tensor
from torch.nn import functional

from vmas_pipeline.model.losses import beat_weighted_cross_entropy
from vmas_pipeline.model.music_decoder import MusicDecoder
from vmas_pipeline.training.config import OptimiserConfig
from vmas_pipeline.training.optimisation import build_optimiser


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sizes = {"width": 256, "layers": 6, "heads": 4, "card": 2048, "frames": 250, "context": 48, "batch": 4}
    for name, value in (*sizes.items(), ("threads", 1), ("repeats", 5)):
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    codes = torch.randint(0, options.card, (options.batch, CODEBOOKS, options.frames))
    context = torch.randn(options.batch, options.context, options.width)
    fuser = ConditionFuser({"cross": ["description"], "sum": [], "prepend": [], "input_interpolate": []})
    theirs = audiocraft_lm(options, ConditioningProvider({}), fuser)
    ours = MusicDecoder(width=options.width, layers=options.layers, heads=options.heads, card=options.card)
    ours.load_musicgen(theirs.state_dict())
    weights = torch.ones(options.batch, options.frames)

    def our_loss() -> Tensor:
        return beat_weighted_cross_entropy(ours(codes, context), codes, weights)

    def their_output() -> LMOutput:
        return theirs.compute_predictions(codes, [], {"description": (context, torch.ones(context.shape[:2]))})

    def their_loss() -> Tensor:  # of all frames but the last few, which its pattern leaves out
        output = their_output()
        return functional.cross_entropy(output.logits[output.mask], codes[output.mask])

    with torch.no_grad():  # what it keeps would be kept through all that is timed
        output = their_output()
        torch.testing.assert_close(ours(codes, context)[output.mask], output.logits[output.mask], atol=1e-4, rtol=1e-4)
    runs = {
        "ours": _step(build_optimiser(ours, OptimiserConfig(learning_rate=1e-5)), our_loss),
        "audiocraft": _step(torch.optim.AdamW(theirs.parameters(), lr=1e-5), their_loss),
    }
    seconds = fastest(runs, options.repeats)
    print_line(
        name="train: CPU seconds a step against audiocraft's LMModel",
        ours=seconds["ours"],
        peer=seconds["audiocraft"],
        ratio=seconds["ours"] / seconds["audiocraft"],
        **vars(options),
    )


def _step(optimiser: torch.optim.Optimizer, loss: Callable[[], Tensor]) -> Callable[[], None]:
    @torch.inference_mode(False)
    def step() -> None:
        optimiser.zero_grad()
        loss().backward()
        optimiser.step()

    return step


if __name__ == "__main__":
    main()
