import math

import pytest
import torch
from torch.nn import functional

from vmas_pipeline.model.losses import (
    beat_weighted_cross_entropy,
    code_losses,
    contrastive_loss,
    music_features,
    stepwise_contrastive_loss,
)

CODES, WEIGHTS = torch.tensor([[[1, 0, 2], [3, 3, 0]]] * 2), torch.tensor([[1.0, 0.5, 0.5], [0.5, 1.0, 0.0]])


def test_weights_of_one_give_plain_cross_entropy():
    logits, codes = torch.randn(2, 4, 6, 9), torch.randint(0, 9, (2, 4, 6))
    plain = functional.cross_entropy(logits.flatten(0, 2), codes.flatten())
    assert beat_weighted_cross_entropy(logits, codes, torch.ones(2, 6)) == pytest.approx(plain.item())


def test_a_weight_scales_its_own_frame_and_its_gradient():
    logits, codes = torch.randn(1, 4, 3, 9, requires_grad=True), torch.randint(0, 9, (1, 4, 3))
    weights = torch.tensor([[1.0, 0.5, 0.0]])
    beat_weighted_cross_entropy(logits, codes, weights).backward()
    expected = (logits.detach().softmax(-1) - functional.one_hot(codes, 9)) * weights[:, None, :, None] / 12
    assert torch.allclose(logits.grad, expected, atol=1e-7)


def test_codebook_weights_are_relative():
    logits, codes = torch.randn(1, 2, 5, 9), torch.randint(0, 9, (1, 2, 5))
    losses = code_losses(logits, codes).mean((0, 2))
    weighted = beat_weighted_cross_entropy(logits, codes, torch.ones(1, 5), [3.0, 1.0])
    assert weighted.item() == pytest.approx(float(0.75 * losses[0] + 0.25 * losses[1]))


def test_codebook_weights_of_another_number_are_refused():
    with pytest.raises(ValueError, match="must have 2 entries"):
        beat_weighted_cross_entropy(torch.randn(1, 2, 5, 9), torch.zeros(1, 2, 5).long(), torch.ones(1, 5), [1.0])


def test_certain_logits_give_the_sum_of_their_code_vectors():
    vectors, codes = torch.randn(2, 5, 3), torch.randint(0, 5, (1, 2, 4))
    logits = functional.one_hot(codes, 5).float() * 100
    expected = torch.stack([vectors[k][codes[0, k]] for k in range(2)]).sum(0)
    assert torch.allclose(music_features(logits, vectors)[0], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("loss", "shapes"),
    [
        (
            lambda x: beat_weighted_cross_entropy(x, CODES, WEIGHTS),
            [(2, 2, 3, 4)],
        ),
        (lambda x: music_features(x, torch.arange(24.0).view(2, 4, 3)), [(2, 2, 3, 4)]),
        (lambda x, y: contrastive_loss(x, y, 0.5), [(4, 3), (4, 3)]),
        (lambda x, y, t: contrastive_loss(x, y, t.exp()), [(4, 3), (4, 3), (1,)]),
        (lambda x, y: stepwise_contrastive_loss(x, y, 0.5, [1, 2]), [(3, 4, 2), (3, 4, 2)]),
    ],
    ids=["beat-weighted", "music features", "contrast", "temperature", "stepwise contrast"],
)
def test_gradients_equal_finite_differences(loss, shapes):
    torch.manual_seed(0)
    inputs = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    assert torch.autograd.gradcheck(loss, inputs)


def test_contrast_of_identical_pairs_nears_zero_and_of_equal_features_is_log_of_the_batch():
    pairs = torch.eye(6)
    assert contrastive_loss(pairs, pairs, 0.01).item() == pytest.approx(0.0, abs=1e-6)
    assert contrastive_loss(torch.ones(6, 4), torch.ones(6, 4), 0.07).item() == pytest.approx(math.log(6), rel=1e-5)


def test_contrast_is_equation_2_written_out():
    torch.manual_seed(0)
    video, music = torch.randn(5, 3), torch.randn(5, 3)
    similarity = functional.cosine_similarity(video[:, None], music[None], dim=-1) / 0.2
    rows = [-math.log(math.exp(similarity[i, i]) / sum(map(math.exp, similarity[i].tolist()))) for i in range(5)]
    columns = [-math.log(math.exp(similarity[i, i]) / sum(map(math.exp, similarity[:, i].tolist()))) for i in range(5)]
    assert contrastive_loss(video, music, 0.2).item() == pytest.approx(sum(rows + columns) / 10, rel=1e-5)


def test_contrast_of_unequal_shapes_is_refused():
    with pytest.raises(ValueError, match="must have the same shape"):
        contrastive_loss(torch.ones(2, 3), torch.ones(3, 3), 0.1)


def test_stepwise_contrast_without_shifts_of_a_single_step_is_equation_2():
    torch.manual_seed(0)
    video, music = torch.randn(5, 1, 3), torch.randn(5, 1, 3)
    stepwise = stepwise_contrastive_loss(video, music, 0.2, [])
    assert stepwise.item() == pytest.approx(contrastive_loss(video[:, 0], music[:, 0], 0.2).item(), rel=1e-6)


def test_only_stepwise_contrast_tells_a_pair_from_the_same_pair_out_of_time():
    torch.manual_seed(0)
    video = torch.randn(4, 12, 8)
    late = video.roll(3, 1)
    assert contrastive_loss(video.mean(1), late.mean(1), 0.1) == pytest.approx(
        contrastive_loss(video.mean(1), video.mean(1), 0.1).item(), abs=1e-5
    )
    together, apart = (stepwise_contrastive_loss(video, music, 0.1, [3, 9]) for music in (video, late))
    assert together < 0.01
    assert apart > 5  # the shifted negatives are the video itself


def test_stepwise_contrast_of_equal_features_is_log_of_all_candidates():
    features = torch.ones(6, 5, 4)
    assert stepwise_contrastive_loss(features, features, 0.07, [1, 2]).item() == pytest.approx(math.log(8), rel=1e-5)


@pytest.mark.parametrize("shift", [0, 5])
def test_a_shift_that_is_none_is_refused(shift):
    with pytest.raises(ValueError, match=rf"shifts \[{shift}\] must lie between 1 and 4"):
        stepwise_contrastive_loss(torch.ones(2, 5, 3), torch.ones(2, 5, 3), 0.1, [shift])
