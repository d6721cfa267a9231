import numpy as np
import pytest

from vmas_pipeline.inference.kernels import product


@pytest.mark.parametrize("rows", [1, 2, 5])
@pytest.mark.parametrize("outputs", [1, 4, 7])
def test_a_product_that_fills_no_whole_tile_is_that_of_numpy(rows, outputs):
    draw = np.random.default_rng(rows * outputs)
    x, weight = (draw.standard_normal((n, 37)).astype(np.float32) for n in (rows, outputs))
    scale = draw.random(outputs).astype(np.float32)
    np.testing.assert_allclose(product(x, weight, scale), x @ weight.T * scale, atol=1e-5)


@pytest.mark.parametrize("kind", [np.float32, np.int8])
def test_a_rows_product_is_the_same_to_the_last_bit_wherever_it_stands_in_a_batch(kind):
    draw = np.random.default_rng(0)
    x, weight = draw.standard_normal((9, 256)).astype(np.float32), (100 * draw.random((24, 256))).astype(kind)
    scale = np.ones(24, np.float32)
    together = product(x, weight, scale)
    for row in range(9):
        assert np.array_equal(product(x[row : row + 1], weight, scale)[0], together[row])
