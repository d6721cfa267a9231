"""CMT writes pieces under the control of videos."""

# B pieces, W words, A attributes, D width

from collections.abc import Generator, Sequence

import numpy as np
import torch
from torch import Tensor

from vmas_pipeline.inference import SamplingConfig
from vmas_pipeline.systems.cmt.control import Bar, Control
from vmas_pipeline.systems.cmt.network import CMT
from vmas_pipeline.systems.cmt.words import (
    BAR,
    BEAT,
    DENSITY,
    DRUMS,
    DURATION,
    GUITAR,
    INSTRUMENT,
    NOTE,
    PIANO,
    PLACE,
    PREDICTED,
    TICK,
    TICKS,
    TYPE,
    bar_word,
    beat_word,
    progress,
)

REPLACED = 0.7
"""The original's C: the probability with which the video's density replaces a bar's own."""

STRUCK_BY = (DRUMS, PIANO, GUITAR)
"""Instruments that are put on each visual beat, one after the other."""

LONGEST_BAR = 256
"""Words; a bar that grows longer is ended."""

NUCLEUS = SamplingConfig(top_p=0.9)
SAMPLING = {BEAT: SamplingConfig(temperature=1.2), DURATION: SamplingConfig(temperature=2.0, top_p=0.9)}
"""As published; the other attributes have `NUCLEUS`."""


@torch.inference_mode()
def compose(
    network: CMT, controls: Sequence[Control], seeds: Sequence[int], replaced: float = REPLACED
) -> list[np.ndarray]:
    """Write the words of pieces, int64 [W, 9] each.

    All pieces take a step together, in the network's recurrent form; each has draws of its own, so that it does not
    depend on the others, but for the rounding of sums.

    Args:
        network: in evaluation mode.
        controls: of the videos, [B].
        seeds: of each piece's draws, [B].
        replaced: the original's C.
    """
    randoms = [np.random.default_rng(seed) for seed in seeds]
    pieces = [_piece(control, random, replaced) for control, random in zip(controls, randoms, strict=True)]
    written: list[list[list[int]]] = [[] for _ in pieces]
    live, words = list(range(len(pieces))), [next(piece) for piece in pieces]
    _, state = network.hidden(network.leading(len(pieces)))
    while live:
        for number, word in zip(live, words, strict=True):
            written[number].append(word)
        hidden, state = network.hidden(network.enter(torch.tensor(words)[:, None]), state)
        uniform = np.stack([randoms[number].random(PREDICTED) for number in live])
        places = [word[TICK] % TICKS + 1 for word in words]
        drawn = _drawn(network, hidden[:, 0], torch.tensor(places), torch.from_numpy(uniform).float())
        words, kept = [], []
        for row, number in enumerate(live):
            try:
                words.append(pieces[number].send(drawn[row]))
                kept.append(row)
            except StopIteration:
                pass
        live = [live[row] for row in kept]
        if len(kept) < len(drawn):
            state = [layer[kept] for layer in state]
    return [np.array(piece, np.int64) for piece in written]


def _piece(control: Control, random: np.random.Generator, replaced: float) -> Generator[list[int], list[int], None]:
    """A piece: yields each word [9] and is sent the one [A] that the network would have next.

    Where the next visual beat is reached or would be passed, that word gives way to a place on the beat, for each of
    `STRUCK_BY` in turn; a bar's density gives way to the video's with probability `replaced`. The piece ends with the
    last bar of the video.
    """
    word = yield bar_word(control.bars[0].density, 0, control.ticks)
    for number, bar in enumerate(control.bars):
        word = yield from _rest_of_bar(bar, number * TICKS, control.ticks, word)
        if number + 1 < len(control.bars):
            asked = control.bars[number + 1].density
            own = word[DENSITY] if word[BEAT] == BAR else asked
            density = asked if random.random() < replaced else own
            word = yield bar_word(density, (number + 1) * TICKS, control.ticks)


def _rest_of_bar(bar: Bar, first: int, total: int, word: list[int]) -> Generator[list[int], list[int], list[int]]:
    """The words of a bar after its own, given the first that the network would have; returns the next bar's."""
    beats = [(tick, strength, instrument) for tick, strength in bar.beats for instrument in STRUCK_BY]
    at = first
    for _ in range(LONGEST_BAR):
        if beats and word[BEAT] > beats[0][0]:  # a tick's number there is one higher, and that of a bar the highest
            tick, strength, instrument = beats.pop(0)
            density = 1 if word[BEAT] == BAR else word[DENSITY]
            at = first + tick
            word = yield beat_word(tick, density, instrument, strength, first, total)
        elif word[TYPE] == PLACE and word[BEAT] == BAR:
            return word
        else:
            if word[TYPE] == PLACE and word[BEAT]:
                at = first + word[BEAT] - 1
            word = yield [*word, progress(at, total), at]
    return word


def _drawn(network: CMT, hidden: Tensor, places: Tensor, uniform: Tensor) -> list[list[int]]:
    """The attributes [B][A] of the next words: never the end's, and never of a place before the last.

    Args:
        network: which has read the words before.
        hidden: after them, [B, D].
        places: the least that BEAT may be for a place, [B].
        uniform: random numbers in [0, 1), [B, A].
    """
    types = NUCLEUS.draw(network.type_logits(hidden)[:, 1:], uniform[:, TYPE]) + 1  # without the end
    logits = network.logits(hidden, types)
    earlier = torch.arange(BAR + 1) < places[:, None]  # [B, 18]
    logits[BEAT] = logits[BEAT].masked_fill(earlier & (types == PLACE)[:, None], -torch.inf)
    columns = [
        types if i == TYPE else SAMPLING.get(i, NUCLEUS).draw(logits[i], uniform[:, i]) for i in range(PREDICTED)
    ]
    words: list[list[int]] = torch.stack(columns, dim=1).tolist()
    for word in words:
        if word[TYPE] == NOTE and not word[INSTRUMENT]:
            word[INSTRUMENT] = DRUMS
    return words
