"""Generation, step by step: ours, audiocraft's LMModel and transformers' MusicGen, with the same random weights.

    python benchmarks/decode.py                       # 503 steps, width 256, 6 layers, one thread, float32
    python benchmarks/decode.py --width 1536 --layers 48 --heads 24 --frames 20 --repeats 1
    python benchmarks/decode.py --device cuda --dtype bfloat16 --width 1536 --layers 48 --heads 24 --guidance 3

In float32 the tokens are compared before anything is timed; int8 weights (on a CPU) are timed beside, whose tokens are
others. All run by turns in one process, and the fastest of the repeats counts: in seconds of CPU time, or of the wall's
clock for a GPU. A peer that is not installed is left out and named. Each line printed is a JSON object: steps a second
of ours and of the peer, and the most that the memory's measured rate allows.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from timing import fastest, print_line
from torch import Tensor

from vmas_pipeline.inference import SamplingConfig, generate
from vmas_pipeline.model.music_decoder import MusicDecoder
from vmas_pipeline.model.pattern import undelay

if TYPE_CHECKING:
    from transformers import MusicgenForCausalLM

    from vmas_pipeline.inference.cpu import PackedDecoder

CODEBOOKS = 4
Generate = Callable[[], Tensor]


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
    torch.set_num_threads(options.threads)
    sizes = Sizes(**{name: getattr(options, name) for name in Sizes.__dataclass_fields__})
    context = torch.randn(sizes.batch, sizes.context, sizes.width, generator=torch.Generator().manual_seed(1))
    context = context.to(options.device, getattr(torch, options.dtype))
    decoder = _ours(sizes).to(context)
    ours = {"ours": _run(decoder, sizes, context)}
    peers = _peers(decoder, sizes, context)
    exact = options.dtype == "float32"
    with torch.inference_mode():
        tokens = ours["ours"]()
        for name, peer in peers.items():
            same = torch.equal(peer(), tokens)  # at any rate a warm-up
            assert same or not exact, f"{name} draws other tokens: there is nothing to compare"
    if options.device == "cpu" and exact:
        from vmas_pipeline.inference.cpu import pack

        ours["int8"] = _run(decoder, sizes, context, int8=pack(decoder, int8=True))
    seconds = fastest({**ours, **peers}, options.repeats, options.device)
    rate = _read_rate(options.device)
    for variant in ours:
        limit = rate / _bytes_a_step(decoder, sizes, 1 if variant == "int8" else context.element_size())
        rate_of_ours = sizes.steps / seconds[variant]
        for name in peers or ("nothing",):
            other = {"peer": sizes.steps / seconds[name], "ratio": seconds[name] / seconds[variant]} if peers else {}
            print_line(
                name=f"decode: steps a second, {variant.replace('ours', options.dtype)} against {name}",
                ours=rate_of_ours,
                **other,
                memory_limit=limit,
                of_limit=rate_of_ours / limit,
                tokens_equal=exact and variant == "ours",
                **vars(options),
            )


def _run(decoder: MusicDecoder, sizes: Sizes, context: Tensor, int8: "PackedDecoder | None" = None) -> Generate:
    sampling, seeds = SamplingConfig(top_k=1, guidance=sizes.guidance), range(len(context))
    return lambda: generate(decoder, context, frames=sizes.frames, sampling=sampling, seeds=seeds, int8=int8)


def _peers(decoder: MusicDecoder, sizes: Sizes, context: Tensor) -> dict[str, Generate]:
    """Those that are installed."""
    found: dict[str, Generate] = {}
    for name, build in (("audiocraft", _audiocraft), ("transformers", _transformers)):
        try:
            found[name] = build(decoder, sizes, context)
        except ModuleNotFoundError as error:
            print(f"{name} is not here ({error}): left out", file=sys.stderr)
    return found


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("width", 256), ("layers", 6), ("heads", 4), ("card", 2048), ("frames", 500), ("context", 48)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--batch", type=int, default=1, help="clips at once")
    parser.add_argument("--guidance", type=float, default=1.0, help="above 1 runs every step with and without video")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--repeats", type=int, default=3)
    return parser.parse_args()


def _read_rate(device: str, megabytes: int = 256) -> float:
    """Bytes a second that are read from memory, by summing what no cache holds."""
    data = torch.ones(megabytes * 2**18, device=device)
    return data.numel() * 4 / fastest({"sum": data.sum}, 5, device)["sum"]


def _bytes_a_step(decoder: MusicDecoder, sizes: Sizes, bytes_a_weight: int) -> float:
    """Weights, and the mean of the growing caches, that one step has to read."""
    rows = sizes.batch * (2 if sizes.guidance != 1 else 1)
    weights = sum(p.numel() for name, p in decoder.named_parameters() if not name.startswith("embeddings"))
    caches = rows * sizes.layers * 2 * sizes.width * (sizes.steps / 2 + sizes.context)
    return bytes_a_weight * weights + decoder.norm.weight.element_size() * caches


def _ours(sizes: Sizes) -> MusicDecoder:
    torch.manual_seed(0)
    return MusicDecoder(width=sizes.width, layers=sizes.layers, heads=sizes.heads, card=sizes.card).eval()


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
    return lambda: model.generate(
        conditions=guided,
        num_samples=sizes.batch,
        max_gen_len=sizes.frames,
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
    model = MusicgenForCausalLM(config).to(context).eval()
    _give(decoder, model)
    guided = sizes.guidance != 1
    both = torch.cat([context, torch.zeros_like(context)]) if guided else context

    def generate() -> Tensor:
        cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
        steps = torch.full((sizes.batch, CODEBOOKS, sizes.steps + 1), sizes.card, device=context.device)
        for step in range(sizes.steps):
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
                if k <= step < k + sizes.frames:
                    steps[:, k, step + 1] = drawn[:, k]
        return undelay(steps[:, :, 1:])

    return generate


def _give(decoder: MusicDecoder, model: "MusicgenForCausalLM") -> None:
    """Copy our weights into transformers' model."""
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
