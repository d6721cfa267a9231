"""PaSST against its definition written out, on small weights in the published layout."""

import pytest
import torch
from torch.nn import functional

from vmas_pipeline.evaluation.embeddings.passt import LogMel, PaSST

WIDTH, DEPTH, CLASSES = 128, 2, 7


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    torch.manual_seed(0)
    shapes = {"cls_token": (1, 1, WIDTH), "dist_token": (1, 1, WIDTH), "new_pos_embed": (1, 2, WIDTH)}
    shapes |= {"freq_new_pos_embed": (1, WIDTH, 12, 1), "time_new_pos_embed": (1, WIDTH, 1, 99)}
    shapes |= {"patch_embed.proj.weight": (WIDTH, 1, 16, 16), "patch_embed.proj.bias": (WIDTH,)}
    for block in range(DEPTH):
        layers = {"attn.qkv": 3 * WIDTH, "attn.proj": WIDTH, "mlp.fc1": 2 * WIDTH}
        shapes |= {f"blocks.{block}.{name}.weight": (outputs, WIDTH) for name, outputs in layers.items()}
        shapes |= {f"blocks.{block}.{name}.bias": (outputs,) for name, outputs in layers.items()}
        shapes |= {f"blocks.{block}.mlp.fc2.weight": (WIDTH, 2 * WIDTH), f"blocks.{block}.mlp.fc2.bias": (WIDTH,)}
        for norm in ("norm1", "norm2"):
            shapes |= {f"blocks.{block}.{norm}.{part}": (WIDTH,) for part in ("weight", "bias")}
    shapes |= {"norm.weight": (WIDTH,), "norm.bias": (WIDTH,), "head.0.weight": (WIDTH,), "head.0.bias": (WIDTH,)}
    shapes |= {"head.1.weight": (CLASSES, WIDTH), "head.1.bias": (CLASSES,)}
    shapes |= {"head_dist.weight": (CLASSES, WIDTH), "head_dist.bias": (CLASSES,)}
    path = tmp_path_factory.mktemp("passt") / "passt.pt"
    torch.save({name: torch.randn(shape) / 10 for name, shape in shapes.items()}, path)
    return path


def test_equals_the_definition(file):
    waveform, state = torch.randn(32_000 * 3) / 10, torch.load(file)

    def dense(x, name):
        return functional.linear(x, state[f"{name}.weight"], state[f"{name}.bias"])

    def norm(x, name, epsilon=1e-6):
        return functional.layer_norm(x, (WIDTH,), state[f"{name}.weight"], state[f"{name}.bias"], epsilon)

    patches = functional.conv2d(
        LogMel()(waveform[None])[None], state["patch_embed.proj.weight"], state["patch_embed.proj.bias"], stride=10
    )
    patches = patches + state["freq_new_pos_embed"] + state["time_new_pos_embed"][..., : patches.shape[-1]]
    tokens = [state["cls_token"] + state["new_pos_embed"][:, :1], state["dist_token"] + state["new_pos_embed"][:, 1:]]
    x = torch.cat([*tokens, patches.flatten(2).transpose(1, 2)], dim=1)[0]  # [n, D]
    for block in (f"blocks.{i}" for i in range(DEPTH)):
        heads = dense(norm(x, f"{block}.norm1"), f"{block}.attn.qkv").chunk(3, dim=-1)
        q, k, v = (each.unflatten(-1, (2, 64)).transpose(0, 1) for each in heads)  # [heads, n, 64]
        mixed = (q @ k.transpose(1, 2) / 8).softmax(-1) @ v
        x = x + dense(mixed.transpose(0, 1).flatten(1), f"{block}.attn.proj")
        x = x + dense(functional.gelu(dense(norm(x, f"{block}.norm2"), f"{block}.mlp.fc1")), f"{block}.mlp.fc2")
    vector = norm(x, "norm")[:2].mean(0)
    heard = PaSST(weights=file).load()(waveform)
    torch.testing.assert_close(heard.vector, vector, atol=1e-4, rtol=1e-3)
    tags = torch.sigmoid(dense(norm(vector, "head.0", 1e-5), "head.1"))
    torch.testing.assert_close(heard.probabilities, tags, atol=1e-4, rtol=1e-3)


def test_its_front_end_hears_a_tone_in_its_band():
    tone = torch.sin(2 * torch.pi * 1000 * torch.arange(32_000) / 32_000)
    spectrum = LogMel()(tone[None])[0]
    assert spectrum.shape == (128, 100)
    # Kaldi's mel of 1 kHz, of 0 and of 15 kHz: 1127 ln(1 + f / 700)
    band = 128 * torch.log(torch.tensor(1 + 1000 / 700)) / torch.log(torch.tensor(1 + 15_000 / 700))
    assert spectrum.mean(1).argmax() == pytest.approx(float(band), abs=1.5)


def test_long_music_is_heard_in_windows(file):
    network, waveform = PaSST(weights=file).load(), torch.randn(32_000 * 12) / 10
    halves = [network(part) for part in waveform.chunk(2)]
    torch.testing.assert_close(network(waveform).vector, (halves[0].vector + halves[1].vector) / 2)
