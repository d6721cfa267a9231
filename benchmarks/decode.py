"""Generation, step by step: ours, audiocraft's LMModel and transformers' MusicGen, with the same random weights.

    python benchmarks/decode.py                       # 503 steps, width 256, 6 layers, one thread, float32
    python benchmarks/decode.py --width 1536 --layers 48 --heads 24 --frames 20 --repeats 1
    python benchmarks/decode.py --device cuda --dtype bfloat16 --width 1536 --layers 48 --heads 24 --guidance 3

In float32 the tokens are compared before anything is timed; int8 weights (on a CPU) are timed beside, whose tokens are
others. All run by turns in one process, and the fastest of the repeats counts: in seconds of CPU time, or of the wall's
clock for a GPU. Each line printed is a JSON object: steps a second of ours and of the peer, none for one that is not
installed, and the most that the memory's measured rate allows.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import torch
from timing import SEED, add_device, begin, fastest, installed, print_line
from torch import Tensor

from vmas_pipeline.inference import SamplingConfig, generate
from vmas_pipeline.model.music_decoder import MusicDecoder
from vmas_pipeline.model.pattern import undelay

if TYPE_CHECKING:
    from vmas_pipeline.inference.cpu import PackedDecoder

CODEBOOKS = 4
Generate = Callable[[int], Tensor]
"""So many frames, from their number."""
WARM_UP = 4  # frames


@dataclass(frozen=True)
class Sizes:
    """What is generated, and by how large a model."""

    width: int
    layers: int
    heads: int
    card: int
    frames: int
    context: int
    batch: int
    guidance: float

    @property
    def steps(self) -> int:
        return self.frames + CODEBOOKS - 1


def main() -> None:
    options = _options()
    sizes = Sizes(**{name: getattr(options, name) for name in Sizes.__dataclass_fields__})
    context = torch.randn(sizes.batch, sizes.context, sizes.width, generator=torch.Generator().manual_seed(SEED + 1))
    context = context.to(options.device, getattr(torch, options.dtype))
    with torch.device(options.device):
        decoder = MusicDecoder(width=sizes.width, layers=sizes.layers, heads=sizes.heads, card=sizes.card)
        decoder = decoder.to(context).eval()
        builders = {"audiocraft": _audiocraft, "transformers": _transformers}
        peers, missing = installed(
            **{name: partial(build, decoder, sizes, context) for name, build in builders.items()}
        )
    ours = {"ours": _run(decoder, sizes, context)}
    exact = options.dtype == "float32"
    _compare(ours["ours"], peers, sizes.frames if exact else WARM_UP, exact)
    if options.device == "cpu" and exact:
        from vmas_pipeline.inference.cpu import pack

        ours["int8"] = _run(decoder, sizes, context, int8=pack(decoder, int8=True))
    runs = {name: partial(run, sizes.frames) for name, run in {**ours, **peers}.items()}
    rates = {name: sizes.steps / s for name, s in fastest(runs, options.repeats, options.device).items()}
    memory_rate = _read_rate(options.device)
    for variant in ours:
        limit = memory_rate / _bytes_a_step(decoder, sizes, 1 if variant == "int8" else context.element_size())
        for peer in builders:
            print_line(
                f"decode: steps a second, {variant.replace('ours', options.dtype)} against {peer}",
                ours=rates[variant],
                peer=rates.get(peer),
                unit="steps a second",
                why=missing.get(peer),
                memory_limit=limit,
                of_limit=rates[variant] / limit,
                tokens_equal=exact and variant == "ours" and peer in peers,
                **vars(options),
            )


@torch.inference_mode()
def _compare(ours: Generate, peers: dict[str, Generate], frames: int, exact: bool) -> None:
    """The peers' tokens with ours where they must be the same; at any rate a warm-up."""
    tokens = ours(frames)
    for name, peer in peers.items():
        same = torch.equal(peer(frames), tokens)
        assert same or not exact, f"{name} draws other tokens: there is nothing to compare"


def _run(decoder: MusicDecoder, sizes: Sizes, context: Tensor, int8: "PackedDecoder | None" = None) -> Generate:
    sampling, seeds = SamplingConfig(top_k=1, guidance=sizes.guidance), range(len(context))
    return lambda frames: generate(decoder, context, frames=frames, sampling=sampling, seeds=seeds, int8=int8)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("width", 256), ("layers", 6), ("heads", 4), ("card", 2048), ("frames", 500), ("context", 48)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--batch", type=int, default=1, help="clips at once")
    parser.add_argument("--guidance", type=float, default=1.0, help="above 1 runs every step with and without video")
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--repeats", type=int, default=3)
    add_device(parser)
    return begin(parser)


def _read_rate(device: str) -> float:
    """Bytes a second that are read from memory, by summing what no cache holds: 256 MB, and 4 GB of a GPU's."""
    data = torch.ones(2**30 if device == "cuda" else 2**26, device=device)
    return data.numel() * 4 / fastest({"sum": data.sum}, 5, device)["sum"]


def _bytes_a_step(decoder: MusicDecoder, sizes: Sizes, bytes_a_weight: int) -> float:
    """Weights, and the mean of the growing caches, that one step has to read."""
    rows = sizes.batch * (2 if sizes.guidance != 1 else 1)
    weights = sum(p.numel() for name, p in decoder.named_parameters() if not name.startswith("embeddings"))
    caches = rows * sizes.layers * 2 * sizes.width * (sizes.steps / 2 + sizes.context)
    return bytes_a_weight * weights + decoder.norm.weight.element_size() * caches


def _audiocraft(decoder: MusicDecoder, sizes: Sizes, context: Tensor) -> Generate:
    """audiocraft's own generation; its conditioner gives the context as it is, and zeros for the unconditioned half."""
    from audiocraft.modules.conditioners import ConditionFuser, ConditioningAttributes, ConditioningProvider
    from peers import audiocraft_lm

    class Given(ConditioningProvider):
        def tokenize(self, inputs: list) -> dict:
            return {"rows": len(inputs)}

        def forward(self, tokenized: dict) -> dict:
            both = torch.cat([context, torch.zeros_like(context)])[: tokenized["rows"]]
            return {"description": (both, torch.ones(both.shape[:2], device=both.device))}

    class AlwaysFused(ConditionFuser):
        """Without guidance audiocraft passes no conditions at all."""

        def forward(self, input: Tensor, conditions: dict) -> tuple[Tensor, Tensor]:
            return input, conditions["description"][0] if conditions else context

    fuser = AlwaysFused({"cross": [], "sum": [], "prepend": [], "input_interpolate": []})
    model = audiocraft_lm(sizes, Given({}), fuser).to(context).eval()
    decoder.load_musicgen(model.state_dict())
    guided = [ConditioningAttributes(text={"description": "x"})] * sizes.batch if sizes.guidance != 1 else []
    return lambda frames: model.generate(
        conditions=guided,
        num_samples=sizes.batch,
        max_gen_len=frames,
        use_sampling=False,
        cfg_coef=sizes.guidance,
    )


def _transformers(decoder: MusicDecoder, sizes: Sizes, context: Tensor) -> Generate:
    """transformers' MusicGen, its cache of both attentions, and the plainest loop around it."""
    from transformers import MusicgenForCausalLM
    from transformers.cache_utils import DynamicCache, EncoderDecoderCache
    from transformers.models.musicgen.configuration_musicgen import MusicgenDecoderConfig

    config = MusicgenDecoderConfig(
        vocab_size=sizes.card, max_position_embeddings=sizes.steps + 1, num_hidden_layers=sizes.layers,
        ffn_dim=4 * sizes.width, num_attention_heads=sizes.heads, hidden_size=sizes.width, num_codebooks=CODEBOOKS,
        audio_channels=1, pad_token_id=sizes.card, bos_token_id=sizes.card, dropout=0.0,
    )  # fmt: skip
    model = cast(Any, MusicgenForCausalLM(config)).to(context).eval()
    _give(decoder, model)
    guided = sizes.guidance != 1
    both = torch.cat([context, torch.zeros_like(context)]) if guided else context

    def generate(frames: int) -> Tensor:
        cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
        last = frames + CODEBOOKS - 1
        steps = torch.full((sizes.batch, CODEBOOKS, last + 1), sizes.card, device=context.device)
        for step in range(last):
            inputs = steps[:, :, step : step + 1]
            inputs = torch.cat([inputs, inputs]) if guided else inputs
            logits = model(
                inputs.flatten(0, 1), encoder_hidden_states=both, past_key_values=cache, use_cache=True
            ).logits.view(-1, CODEBOOKS, sizes.card)
            if guided:
                with_video, without = logits.chunk(2)
                logits = without + sizes.guidance * (with_video - without)
            drawn = logits.argmax(-1)
            for k in range(CODEBOOKS):
                if k <= step < k + frames:
                    steps[:, k, step + 1] = drawn[:, k]
        return undelay(steps[:, :, 1:])

    return generate


def _give(decoder: MusicDecoder, model: Any) -> None:
    """Copy our weights into transformers' MusicgenForCausalLM."""
    theirs = model.model.decoder
    for k, embedding in enumerate(decoder.embeddings):
        theirs.embed_tokens[k].weight.data.copy_(embedding.weight)
        model.lm_heads[k].weight.data.copy_(decoder.outputs[k].weight)
    theirs.layer_norm.load_state_dict(decoder.norm.state_dict())
    for ours, layer in zip(decoder.stack, theirs.layers, strict=True):
        q, k, v = ours.self_attention.qkv.weight.chunk(3)
        cross_k, cross_v = ours.cross_attention.kv.weight.chunk(2)
        for attention, weights in (
            (layer.self_attn, (q, k, v, ours.self_attention.out.weight)),
            (layer.encoder_attn, (ours.cross_attention.q.weight, cross_k, cross_v, ours.cross_attention.out.weight)),
        ):
            for part, weight in zip(("q_proj", "k_proj", "v_proj", "out_proj"), weights, strict=True):
                getattr(attention, part).weight.data.copy_(weight)
        for part, source in (
            ("self_attn_layer_norm", ours.norm1),
            ("encoder_attn_layer_norm", ours.norm_cross),
            ("final_layer_norm", ours.norm2),
            ("fc1", ours.linear1),
            ("fc2", ours.linear2),
        ):
            getattr(layer, part).load_state_dict(source.state_dict())


if __name__ == "__main__":
    main()
