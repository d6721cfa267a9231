import pytest
import torch

from vmas_pipeline.inference.cpu import CompiledStepDecoder, pack
from vmas_pipeline.inference.generation import step_decoder
from vmas_pipeline.inference.step_decoder import TensorStepDecoder
from vmas_pipeline.model.music_decoder import MusicDecoder, PreparedContext

OPTIONS = {"context_positions": True, "context_time_bias": True, "time_aligned_path": True}


def small_decoder(width: int = 32, **options) -> MusicDecoder:
    torch.manual_seed(0)
    return MusicDecoder(
        width=width, layers=2, heads=4, card=16, context_width=8, steps_per_context=5.0, **options
    ).eval()


@torch.inference_mode()
@pytest.mark.parametrize("options", [{}, OPTIONS])
@pytest.mark.parametrize("begun", [1, 7])
@pytest.mark.parametrize("build", [step_decoder, TensorStepDecoder], ids=["compiled", "tensor"])
def test_steps_give_the_logits_of_the_parallel_pass(options, begun, build):
    decoder, context = small_decoder(**options), torch.randn(3, 4, 8)
    inputs = torch.randint(0, 17, (3, 4, 20))  # the special code too
    prepared = decoder.prepare(context, 20)
    stepper = build(decoder, prepared, 20)
    logits = [stepper.begin(inputs[:, :, :begun])]
    logits += [stepper.step(inputs[:, :, step]) for step in range(begun, 20)]
    expected = decoder.run(inputs, prepared)[:, :, begun - 1 :]
    torch.testing.assert_close(torch.stack(logits, dim=2), expected, atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_the_compiled_decoder_serves_float32_on_a_cpu_and_torchs_own_the_rest():
    decoder, context = small_decoder(), torch.randn(1, 4, 8)
    assert type(step_decoder(decoder, decoder.prepare(context, 8), 8)) is CompiledStepDecoder
    decoder, context = decoder.bfloat16(), context.bfloat16()
    assert type(step_decoder(decoder, decoder.prepare(context, 8), 8)) is TensorStepDecoder


@torch.inference_mode()
def test_rows_give_the_same_numbers_alone_and_together():
    decoder, context = small_decoder(width=128, **OPTIONS), torch.randn(9, 4, 8)
    codes = torch.randint(0, 17, (9, 4, 2))

    def logits(rows: slice) -> torch.Tensor:
        stepper = step_decoder(decoder, prepared_rows(rows), 8)
        return torch.stack([stepper.begin(codes[rows, :, :1]), stepper.step(codes[rows, :, 1])])

    def prepared_rows(rows: slice) -> PreparedContext:
        whole = decoder.prepare(context, 8)
        kept = [(keys[rows], values[rows]) for keys, values in whole.keys_values]
        return PreparedContext(kept, whole.biases, whole.aligned[rows])

    together = logits(slice(None))
    for row in range(9):
        assert torch.equal(together[:, row : row + 1], logits(slice(row, row + 1)))


@torch.inference_mode()
def test_int8_weights_differ_from_their_source_by_half_a_step_of_their_row_at_most():
    decoder = small_decoder()
    packed, linear = pack(decoder, int8=True).layers[1], decoder.stack[1].linear1.weight
    rounded = torch.from_numpy(packed.weights[4] * packed.scales[4][:, None])
    assert packed.weights[4].dtype == "int8"
    assert ((rounded - linear).abs() <= linear.abs().amax(1, keepdim=True) / 254 * 1.001).all()


@torch.inference_mode()
def test_int8_weights_give_logits_near_the_exact_ones_and_leave_the_parameters():
    decoder, context, codes = small_decoder(width=128), torch.randn(2, 4, 8), torch.randint(0, 17, (2, 4, 12))
    before = {name: value.clone() for name, value in decoder.state_dict().items()}
    exact = decoder.run(codes, decoder.prepare(context, 12))
    stepper = step_decoder(decoder, decoder.prepare(context, 12), 12, pack(decoder, int8=True))
    stepper.begin(codes[:, :, :1])
    steps = torch.stack([stepper.step(codes[:, :, step]) for step in range(1, 12)], dim=2)
    error = (steps - exact[:, :, 1:]).norm() / exact[:, :, 1:].norm()
    assert 0 < error < 0.02
    assert all(torch.equal(before[name], value) for name, value in decoder.state_dict().items())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@torch.inference_mode()
@pytest.mark.parametrize("options", [{}, OPTIONS])
def test_a_recorded_step_on_a_gpu_gives_the_logits_of_the_parallel_pass(options):
    decoder, context = small_decoder(**options).cuda(), torch.randn(3, 4, 8, device="cuda")
    inputs = torch.randint(0, 17, (3, 4, 20), device="cuda")
    prepared = decoder.prepare(context, 20)
    stepper = step_decoder(decoder, prepared, 20)
    logits = [stepper.begin(inputs[:, :, :1])]
    logits += [stepper.step(inputs[:, :, step]).clone() for step in range(1, 20)]
    torch.testing.assert_close(torch.stack(logits, dim=2), decoder.run(inputs, prepared), atol=1e-4, rtol=1e-4)
