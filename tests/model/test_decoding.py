import pytest
import torch

from vmas_pipeline.model.decoding import StepDecoder, column_major
from vmas_pipeline.model.music_decoder import MusicDecoder

OPTIONS = {"context_positions": True, "context_time_bias": True, "time_aligned_path": True}


def small_decoder(**options) -> MusicDecoder:
    torch.manual_seed(0)
    return MusicDecoder(width=32, layers=2, heads=4, card=16, context_width=8, steps_per_context=5.0, **options).eval()


@torch.inference_mode()
@pytest.mark.parametrize("options", [{}, OPTIONS])
@pytest.mark.parametrize("begun", [1, 7])
def test_steps_give_the_logits_of_the_parallel_pass(options, begun):
    decoder, context = small_decoder(**options), torch.randn(3, 4, 8)
    inputs = torch.randint(0, 17, (3, 4, 20))  # the special code too
    prepared = decoder.prepare(context, 20)
    stepper = StepDecoder(decoder, prepared, 20)
    logits = [stepper.begin(inputs[:, :, :begun])]
    logits += [stepper.step(inputs[:, :, step]) for step in range(begun, 20)]
    expected = decoder.run(inputs, prepared)[:, :, begun - 1 :]
    torch.testing.assert_close(torch.stack(logits, dim=2), expected, atol=1e-5, rtol=1e-5)


def test_matrices_by_columns_keep_their_values_and_can_still_be_trained():
    decoder, context = small_decoder(), torch.randn(1, 4, 8)
    codes = torch.randint(0, 16, (1, 4, 6))
    before = {name: value.clone() for name, value in decoder.state_dict().items()}
    with torch.inference_mode():
        column_major(decoder)
    assert decoder.outputs[0].weight.stride() == (1, 16)
    assert all(torch.equal(before[name], value) for name, value in decoder.state_dict().items())
    decoder(codes, context).sum().backward()
    assert decoder.outputs[0].weight.grad is not None
