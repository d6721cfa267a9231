import numpy as np
import pytest
import torch

from vmas_pipeline.systems.cmt.network import CHUNK, CMT, CONDITION, Sizes, causal_linear_attention, pad
from vmas_pipeline.systems.cmt.published import load_published

ATTRIBUTES = ("barbeat", "type", "density", "pitch", "duration", "instr", "strength")
VOCABULARY = (18, 3, 18, 129, 18, 6, 20)
SMALL = Sizes(width=32, layers=2, heads=4, dropout=0.0)


def pieces(batch, length, seed=0):
    random = torch.Generator().manual_seed(seed)
    sizes = (*VOCABULARY, 102, 5025)
    return torch.stack([torch.randint(size, (batch, length), generator=random) for size in sizes], dim=-1)


def softplus_free_map(x):
    return np.where(x > 0, x + 1, np.exp(np.minimum(x, 0)))


def quadratic_attention(q, k, v):
    """sum_j<=i w_ij v_j / sum_j<=i w_ij, term by term; float64 [L, H, E]."""
    weights = np.einsum("ihe,jhe->hij", softplus_free_map(q), softplus_free_map(k))
    weights = np.tril(weights)
    return np.einsum("hij,jhe->ihe", weights, v) / (weights.sum(-1).T[..., None] + 1e-6)


@pytest.mark.parametrize("length", [1, 7, CHUNK, CHUNK + 1, 3 * CHUNK - 5])
def test_attention_is_the_quadratic_sum(length):
    torch.manual_seed(length)
    q, k, v = torch.randn(3, 1, 2, length, 5, dtype=torch.float64)
    found = causal_linear_attention(q, k, v)[0]
    reference = quadratic_attention(*(each[0].transpose(0, 1).numpy() for each in (q, k, v)))
    np.testing.assert_allclose(found[0].transpose(0, 1).numpy(), reference, atol=1e-12)


def test_word_by_word_is_the_same_as_at_once():
    torch.manual_seed(0)
    network, words = CMT(SMALL).eval(), pieces(2, 2 * CHUNK + 3)
    with torch.inference_mode():
        entered = torch.cat([network.leading(2), network.enter(words)], dim=1)
        at_once = network.hidden(entered)[0]
        state, steps = None, []
        for at in range(entered.shape[1]):
            hidden, state = network.hidden(entered[:, at : at + 1], state)
            steps.append(hidden)
        half, state = network.hidden(entered[:, :50])
        rest, _ = network.hidden(entered[:, 50:], state)
    torch.testing.assert_close(torch.cat(steps, dim=1), at_once, atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(torch.cat([half, rest], dim=1), at_once, atol=2e-5, rtol=1e-4)


def test_a_word_does_not_see_those_after_it():
    torch.manual_seed(0)
    network, words = CMT(SMALL).eval(), pieces(1, 90)
    other = words.clone()
    other[:, 70:] = pieces(1, 20, seed=1)
    with torch.inference_mode():
        before, after = (network.hidden(network.enter(each))[0] for each in (words, other))
    torch.testing.assert_close(before[:, :70], after[:, :70])
    assert not torch.allclose(before[:, 70:], after[:, 70:])


def test_padding_does_not_count():
    torch.manual_seed(0)
    network = CMT(SMALL).eval()
    long, short = pieces(1, 40)[0], pieces(1, 12, seed=1)[0]
    alone = network.losses(*pad([short]))
    together = network.losses(*pad([short, long]))
    expected = (alone * 11 + network.losses(*pad([long])) * 39) / 50
    torch.testing.assert_close(together, expected)


@pytest.fixture
def published(tmp_path):
    """A checkpoint in the published layout with random weights, of two layers and the published widths."""
    torch.manual_seed(0)
    width, inner, state = 512, 2048, {}

    def dense(name, size, into):
        state[f"{name}.weight"], state[f"{name}.bias"] = torch.randn(into, size) / size**0.5, torch.randn(into) / 10

    for name, count in (("genre", 7), ("key", 1), ("instrument", 6)):
        state[f"init_emb_{name}.lut.weight"] = torch.randn(count, 64) / 8
    for name, count, size in zip(ATTRIBUTES, VOCABULARY, (64, 32, 64, 512, 128, 32, 64), strict=True):
        state[f"encoder_emb_{name}.lut.weight"] = torch.randn(count, size) / size**0.5
        dense(f"proj_{name}", width, count)
    state["encoder_emb_time_encoding.lut.weight"] = torch.randn(102, 256) / 16
    state["encoder_pos_emb.pe"] = torch.zeros(1, 20_000, width)
    dense("init_in_linear", 192, width)
    dense("encoder_in_linear", 896, width)
    dense("encoder_time_linear", 256, width)
    dense("project_concat_type", width + 32, width)
    state |= {"transformer_encoder.norm.weight": 1 + torch.randn(width) / 10}
    state |= {"transformer_encoder.norm.bias": torch.randn(width) / 10}
    for i in range(2):
        prefix = f"transformer_encoder.layers.{i}"
        for part in ("query", "key", "value", "out"):
            dense(f"{prefix}.attention.{part}_projection", width, width)
        dense(f"{prefix}.linear1", width, inner)
        dense(f"{prefix}.linear2", inner, width)
        for part in ("norm1", "norm2"):
            state[f"{prefix}.{part}.weight"] = 1 + torch.randn(width) / 10
            state[f"{prefix}.{part}.bias"] = torch.randn(width) / 10
    path = tmp_path / "loss_8_params.pt"
    torch.save({f"module.{name}": value for name, value in state.items()}, path)
    return path


def reference_logits(path, words):
    """The published model written out with numpy in float64: post-norm layers and quadratic attention; words [W, 9]."""
    stored = torch.load(path, weights_only=True)
    weights = {name.removeprefix("module."): value.double().numpy() for name, value in stored.items()}

    def dense(name, x):
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def table(name, values):
        entries = weights[f"{name}.lut.weight"]
        return entries[values] * entries.shape[1] ** 0.5

    def normed(name, x):
        centred = x - x.mean(-1, keepdims=True)
        return centred / np.sqrt(x.var(-1, keepdims=True) + 1e-5) * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def gelu(x):
        return x * torch.special.ndtr(torch.from_numpy(x)).numpy()

    leading = np.array([[5, 0, 0], *([0, 0, i] for i in range(6))])
    first = [table(f"init_emb_{name}", leading[:, i]) for i, name in enumerate(("genre", "key", "instrument"))]
    parts = np.concatenate([table(f"encoder_emb_{name}", words[:, i]) for i, name in enumerate(ATTRIBUTES)], -1)
    angles = words[:, 8:9] / 10_000 ** (np.arange(0, 512, 2) / 512)
    place = np.zeros((len(words), 512))
    place[:, 0::2], place[:, 1::2] = np.sin(angles), np.cos(angles)
    time = dense("encoder_time_linear", table("encoder_emb_time_encoding", words[:, 7]))
    x = np.concatenate(
        [dense("init_in_linear", np.concatenate(first, -1)), dense("encoder_in_linear", parts) + time + place]
    )
    for i in range(2):
        name = f"transformer_encoder.layers.{i}"
        q, k, v = (
            dense(f"{name}.attention.{part}_projection", x).reshape(-1, 8, 64) for part in ("query", "key", "value")
        )
        attended = quadratic_attention(q, k, v).reshape(-1, 512)
        x = normed(f"{name}.norm1", x + dense(f"{name}.attention.out_projection", attended))
        x = normed(f"{name}.norm2", x + dense(f"{name}.linear2", gelu(dense(f"{name}.linear1", x))))
    h = normed("transformer_encoder.norm", x)[7:]
    mixed = dense("project_concat_type", np.concatenate([h, table("encoder_emb_type", words[:, 1])], -1))
    return [dense(f"proj_{name}", h if name == "type" else mixed) for name in ATTRIBUTES]


def test_the_published_layout_gives_the_published_network(published):
    network, words = load_published(published), pieces(1, 100)
    assert (network.sizes.width, network.sizes.layers, network.sizes.heads) == (512, 2, 8)
    reference = reference_logits(published, words[0].numpy())
    with torch.inference_mode():
        hidden = network.hidden(torch.cat([network.leading(1), network.enter(words)], dim=1))[0][0, len(CONDITION) :]
        found = network.logits(hidden, words[0, :, 1]) | {1: network.type_logits(hidden)}
    for i, theirs in enumerate(reference):
        np.testing.assert_allclose(found[i].numpy(), theirs, atol=2e-3 * np.abs(theirs).max())


def test_all_published_weights_have_a_place(published):
    stored = torch.load(published, weights_only=True)
    held = sum(value.numel() for value in load_published(published).state_dict().values())
    assert held == sum(value.numel() for name, value in stored.items() if not name.endswith("pos_emb.pe"))


def test_a_file_of_something_else_is_refused(tmp_path):
    torch.save({"module.conv.weight": torch.zeros(1)}, tmp_path / "other.pt")
    with pytest.raises(ValueError, match=r"other\.pt is no checkpoint of CMT: it has no encoder_emb_barbeat\.lut"):
        load_published(tmp_path / "other.pt")
    with pytest.raises(ValueError, match=r"are not a file: give the path of loss_8_params\.pt, or none to train"):
        load_published(tmp_path / "none.pt")
