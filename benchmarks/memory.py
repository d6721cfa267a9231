"""Peak memory of generating 10 s at the paper's size, against what has to be there: weights and caches.

    python benchmarks/memory.py                        # float32, random weights, one clip with guidance: 8 GB, minutes
    python benchmarks/memory.py --size vmas_base       # the embedded default
    python benchmarks/memory.py --device cuda --dtype bfloat16

On a CPU the peak is the process's resident set, less what it held before the model was built; on a GPU, torch's own
count. The line printed is a JSON object: gigabytes of the peak, of weights and caches, and their ratio.
"""

import argparse
from pathlib import Path

import torch
from timing import add_device, begin, print_line

from vmas_pipeline.inference import SamplingConfig, generate
from vmas_pipeline.model.conditions import Conditions
from vmas_pipeline.model.config import SIZES, VMAsConfig
from vmas_pipeline.model.vmas import VMAs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="vmas_paper", choices=SIZES)
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--tokens", type=int, help="token frames; the clip's own when left out")
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    add_device(parser)
    options = begin(parser)
    config, dtype = SIZES[options.size](), getattr(torch, options.dtype)
    before = _held(options.device)
    model = _random(config, dtype, options.device)
    size = config.video.frame_size
    clip = torch.zeros(1, config.frames_per_clip, size, size, 3, dtype=torch.uint8, device=options.device)
    _reset_peak(options.device)
    with torch.inference_mode():
        context = model.encode(Conditions.of_video(clip))
    generate(
        model.music_decoder,
        context,
        frames=options.tokens or config.tokens_per_clip,
        sampling=SamplingConfig(guidance=options.guidance),
        seeds=[0],
    )
    peak, needed = (_peak(options.device) - before) / 1e9, _needed(model, options.tokens, options.guidance) / 1e9
    print_line("memory: gigabytes of generation", ours=peak, peer=needed, unit="gigabytes", **vars(options))


def _random(config: VMAsConfig, dtype: torch.dtype, device: str) -> VMAs:
    """The model with small random weights, without the minutes of its own initialisation."""
    with torch.device("meta"):
        model = VMAs(config)
    model = model.to(dtype).to_empty(device=device).eval()
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            tensor.normal_(std=0.02)
    return model


def _needed(model: VMAs, tokens: int | None, guidance: float) -> float:
    """Bytes of weights, and of keys and values of all steps and of the video."""
    config, decoder = model.config, model.config.decoder
    steps = (tokens or config.tokens_per_clip) + decoder.codebooks - 1 + config.video.steps
    caches = (2 if guidance != 1 else 1) * decoder.layers * 2 * decoder.width * steps
    weights = sum(tensor.numel() for tensor in (*model.parameters(), *model.buffers()))
    return (weights + caches) * next(model.parameters()).element_size()


def _reset_peak(device: str) -> None:
    if device == "cpu":
        Path("/proc/self/clear_refs").write_text("5")
    else:
        torch.cuda.reset_peak_memory_stats()


def _peak(device: str) -> int:
    return _status("VmHWM") if device == "cpu" else torch.cuda.max_memory_allocated()


def _held(device: str) -> int:
    return _status("VmRSS") if device == "cpu" else 0


def _status(name: str) -> int:
    """Bytes, of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


if __name__ == "__main__":
    main()
