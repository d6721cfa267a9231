"""CMT's network: a decoder over compound words with causal linear attention, in plain torch.

Di et al. 2021, "Video Background Music Generation with Controllable Music Transformer"; the attention is that of
Katharopoulos et al. 2020, "Transformers are RNNs", whose recurrent form needs no prefix when one word is generated at
a time.
"""

# B batch, W words, P leading tokens, D width, H heads, E width of a head, A attributes, C words of a chunk, G chunks

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional

from vmas_pipeline.systems.cmt.words import PERCENTS, PREDICTED, PROGRESS, TICK, TYPE, VOCABULARY

WIDTHS = (64, 32, 64, 512, 128, 32, 64)
"""Of the attributes' embeddings at a width of 512, to which they are in proportion."""

CONDITION_WIDTH, PROGRESS_WIDTH = 64, 256
"""Of the embeddings of each leading token's three parts, and of the share of the piece, likewise."""

CONDITION = ((5, 0, 0), (0, 0, 0), (0, 0, 1), (0, 0, 2), (0, 0, 3), (0, 0, 4), (0, 0, 5))
"""Genre, key and instrument of the leading tokens: the same for every piece, as the published generation has them."""

CONDITIONS = (7, 1, 6)
"""Number of values of genre, key and instrument."""

CHUNK = 64
"""Words within which attention is computed pair by pair; between chunks it is carried by the state."""

_LEAST = 1e-6  # added to the sum of the weights

State = list[Tensor]
"""Of each layer: sums over the words before of key times value, and of the keys, [B, H, E, E + 1]."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Of a network; the defaults are those of the published checkpoint."""

    width: int = 512
    layers: int = 12
    heads: int = 8
    dropout: float = 0.1
    vocabulary: tuple[int, ...] = VOCABULARY
    conditions: tuple[int, ...] = CONDITIONS

    @property
    def widths(self) -> list[int]:
        """Of the attributes' embeddings."""
        return [self.scaled(width) for width in WIDTHS]

    def scaled(self, width: int) -> int:
        """A width at 512 in proportion."""
        return max(1, width * self.width // 512)


class CMT(nn.Module):
    """Words in, and for each the attributes of the next."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes, width = sizes, sizes.width
        part = sizes.scaled(CONDITION_WIDTH)
        self.conditions = nn.ModuleList(nn.Embedding(count, part) for count in sizes.conditions)
        self.condition_entry = nn.Linear(3 * part, width)
        self.attributes = nn.ModuleList(map(nn.Embedding, sizes.vocabulary, sizes.widths))
        self.entry = nn.Linear(sum(sizes.widths), width)
        self.progress = nn.Embedding(PERCENTS, sizes.scaled(PROGRESS_WIDTH))
        self.progress_entry = nn.Linear(sizes.scaled(PROGRESS_WIDTH), width)
        self.dropout = nn.Dropout(sizes.dropout)
        self.layers = nn.ModuleList(Layer(width, sizes.heads, sizes.dropout) for _ in range(sizes.layers))
        self.norm = nn.LayerNorm(width)
        self.with_type = nn.Linear(width + sizes.widths[TYPE], width)
        self.heads = nn.ModuleList(nn.Linear(width, count) for count in sizes.vocabulary)

    def leading(self, batch: int) -> Tensor:
        """The leading tokens, float32 [B, P, D]."""
        device = self.norm.weight.device
        largest = torch.tensor(self.sizes.conditions, device=device) - 1
        tokens = torch.minimum(torch.tensor(CONDITION, device=device), largest)  # [P, 3]
        parts = [_embed(table, tokens[:, i]) for i, table in enumerate(self.conditions)]
        return self.condition_entry(torch.cat(parts, dim=-1)).expand(batch, -1, -1)

    def enter(self, words: Tensor) -> Tensor:
        """Words int64 [B, W, 9] -> [B, W, D]."""
        parts = torch.cat([_embed(table, words[..., i]) for i, table in enumerate(self.attributes)], dim=-1)
        place = self.progress_entry(_embed(self.progress, words[..., PROGRESS]))
        return self.dropout(self.entry(parts) + place + sinusoids(words[..., TICK], self.sizes.width))

    def hidden(self, entered: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Attend, [B, W, D] -> [B, W, D] and the state after it.

        Args:
            entered: what follows the words that the state is of.
            state: None before the first word.
        """
        after = []
        for i, layer in enumerate(self.layers):
            entered, layer_state = layer(entered, None if state is None else state[i])
            after.append(layer_state)
        return self.norm(entered), after

    def type_logits(self, hidden: Tensor) -> Tensor:
        """Of the next word's type, [..., D] -> [..., 3]."""
        return self.heads[TYPE](hidden)

    def logits(self, hidden: Tensor, types: Tensor) -> dict[int, Tensor]:
        """Of the next word's other attributes, by their column, given its type, int64 [...]."""
        mixed = self.with_type(torch.cat([hidden, _embed(self.attributes[TYPE], types)], dim=-1))
        return {i: head(mixed) for i, head in enumerate(self.heads) if i != TYPE}

    def losses(self, words: Tensor, lengths: Tensor) -> Tensor:
        """Cross-entropies of the attributes in nats, [A]; training minimises their mean.

        Args:
            words: int64 [B, W, 9], padded.
            lengths: number of each piece's words, int64 [B].
        """
        entered = torch.cat([self.leading(len(words)), self.enter(words[:, :-1])], dim=1)
        hidden = self.hidden(entered)[0][:, len(CONDITION) :]  # [B, W - 1, D]
        target = words[:, 1:]
        mask = torch.arange(1, words.shape[1], device=words.device) < lengths[:, None]  # [B, W - 1]
        found = self.logits(hidden, target[..., TYPE]) | {TYPE: self.type_logits(hidden)}
        pairs = [(found[i][mask], target[..., i][mask]) for i in range(PREDICTED)]
        return torch.stack([functional.cross_entropy(logits, wanted) for logits, wanted in pairs])


class Layer(nn.Module):
    """Attention and a feed-forward network, each normalised after it is added."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, words: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        """[B, W, D], state [B, H, E, E + 1] -> both after these words."""
        queries, keys, values = (
            entry(words).unflatten(-1, (self.heads, -1)).transpose(1, 2) for entry in (self.query, self.key, self.value)
        )  # [B, H, W, E]
        attended, state = causal_linear_attention(queries, keys, values, state)
        words = self.norm1(words + self.dropout(self.out(attended.transpose(1, 2).flatten(2))))
        inner = self.dropout(functional.gelu(self.up(words)))
        return self.norm2(words + self.dropout(self.down(inner))), state


def causal_linear_attention(
    queries: Tensor, keys: Tensor, values: Tensor, state: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Attention whose weight is f(query) . f(key) with f(x) = elu(x) + 1, over each word and those before it.

    out_i = sum_j<=i f(q_i).f(k_j) v_j / sum_j<=i f(q_i).f(k_j)

    Both sums are one product when each value has a 1 appended. Within a chunk of words, weights are computed pair by
    pair; what came before is in the state, sum_j f(k_j) v_j. So a sequence costs its length times E squared, and a
    single word with its state costs the same however long its prefix.

    Args:
        queries, keys, values: [B, H, W, E].
        state: after the words before, [B, H, E, E + 1]; None if there are none.

    Returns:
        [B, H, W, E], and the state after all words.
    """
    length, size = queries.shape[-2], queries.shape[-1]
    if state is None:
        state = queries.new_zeros(*queries.shape[:2], size, size + 1)
    chunk = min(CHUNK, length)
    padding = -length % chunk
    queries, keys = functional.elu(queries) + 1, functional.elu(keys) + 1
    values = functional.pad(values, (0, 1), value=1.0)
    queries, keys, values = (
        functional.pad(each, (0, 0, 0, padding)).unflatten(2, (-1, chunk)) for each in (queries, keys, values)
    )  # [B, H, G, C, E or E + 1]
    sums = (keys.transpose(-1, -2) @ values).cumsum(dim=2) + state[:, :, None]  # [B, H, G, E, E + 1]
    before = torch.cat([state[:, :, None], sums[:, :, :-1]], dim=2)
    total = (queries @ keys.transpose(-1, -2)).tril() @ values + queries @ before
    out = total[..., :-1] / (total[..., -1:] + _LEAST)
    return out.flatten(2, 3)[:, :, :length], sums[:, :, -1]


def sinusoids(ticks: Tensor, width: int) -> Tensor:
    """Positions int64 [...] -> [..., D]: sines at even places, cosines at odd ones (Vaswani et al. 2017)."""
    rates = torch.exp(torch.arange(0, width, 2, device=ticks.device) * (-log(10_000.0) / width))
    angles = ticks[..., None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)


def _embed(table: nn.Module, values: Tensor) -> Tensor:
    """Embeddings times the root of their width, as published."""
    embedded = table(values)
    return embedded * sqrt(embedded.shape[-1])


def pad(pieces: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Pieces of words [W, 9] each -> int64 [B, W, 9] and their lengths [B]."""
    lengths = torch.tensor([len(piece) for piece in pieces])
    return nn.utils.rnn.pad_sequence(list(pieces), batch_first=True), lengths
