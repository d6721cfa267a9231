import torch

from vmas_pipeline.model.pattern import delay, undelay


def test_delay_shifts_each_codebook_by_its_number():
    codes = torch.tensor([[[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]])
    expected = torch.tensor([[[1, 2, 3, 4, 0, 0], [0, 5, 6, 7, 8, 0], [0, 0, 9, 10, 11, 12]]])
    assert torch.equal(delay(codes, fill=0), expected)


def test_the_papers_clip_takes_503_steps():
    assert delay(torch.zeros(1, 4, 500, dtype=torch.int64), fill=2048).shape == (1, 4, 503)


def test_undelay_reverses_delay_for_codes_and_for_logits():
    codes = torch.randint(0, 9, (2, 4, 7))
    assert torch.equal(undelay(delay(codes, fill=9)), codes)
    logits = torch.randn(2, 4, 10, 5)
    assert torch.equal(undelay(logits)[:, 2, :, 3], logits[:, 2, 2:9, 3])


def test_the_pattern_is_audiocrafts_without_its_first_empty_step():
    from audiocraft.modules.codebooks_patterns import DelayedPatternProvider

    codes = torch.randint(0, 9, (2, 4, 7))
    pattern = DelayedPatternProvider(n_q=4).get_pattern(7)
    sequence, _, _ = pattern.build_pattern_sequence(codes, 9)
    assert torch.equal(delay(codes, fill=9), sequence[:, :, 1:])
    logits = torch.randn(2, 5, 4, 10)  # [B, card, K, S]
    reverted, _, _ = pattern.revert_pattern_logits(logits, 0.0)
    assert torch.equal(undelay(logits.permute(0, 2, 3, 1)), reverted.permute(0, 2, 3, 1))
