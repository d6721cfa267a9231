import math

import pytest
import torch
from torch.nn import functional

from vmas_pipeline.model.losses import beat_weighted_cross_entropy, code_losses, contrastive_loss, music_features


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
    expected = torch.stack([vectors[k][codes[0, k]] for k in range(2)]).sum(0).mean(0)
    assert torch.allclose(music_features(logits, vectors)[0], expected, atol=1e-5)


def test_music_features_pass_gradients_to_the_logits():
    logits = torch.randn(1, 2, 4, 5, requires_grad=True, dtype=torch.float32)
    music_features(logits, torch.randn(2, 5, 3)).sum().backward()
    assert logits.grad.abs().sum() > 0


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
