from itertools import pairwise

import pytest

from vmas_pipeline.inference.windows import windows


@pytest.mark.parametrize("tokens", [1, 20, 249, 250, 251, 375, 376, 600, 5_000])
@pytest.mark.parametrize("tail", [0, 10])
def test_windows_cover_every_token_once_and_are_full_but_for_the_tail(tokens: int, tail: int) -> None:
    plan = list(windows(tokens, 250, 0.5, tail=tail))
    assert plan[0][:2] == (0, 0)
    assert plan[-1][2] == tokens
    assert all(before[2] == after[1] for before, after in pairwise(plan))
    assert all(end - start == 250 - tail for start, _, end in plan[:-1])
    assert plan[-1][2] - plan[-1][0] == min(tokens, 250)
    assert all(done - start >= 125 for start, done, _ in plan[1:])
