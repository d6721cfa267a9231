import json

import pytest

from vmas_pipeline.model.config import (
    SIZES,
    MusicDecoderConfig,
    config_from_dict,
    vmas_base,
    vmas_clip,
    vmas_hiera,
    vmas_paper,
    with_overrides,
)
from vmas_pipeline.model.encoders.clip_vit import ClipViTConfig
from vmas_pipeline.model.encoders.hiera import HieraConfig


def test_derived_lengths_are_the_papers():
    paper = vmas_paper()
    assert paper.tokens_per_clip == 500
    assert paper.video.steps == 48
    assert paper.video.grid == 56
    assert paper.context_rate == pytest.approx(4.8)


@pytest.mark.parametrize("size", [vmas_hiera, vmas_clip])
def test_the_other_rows_of_table_6_see_16_frames_of_the_papers_clip(size):
    config = size()
    assert config.video.frames == 16
    assert (config.frames_per_clip, config.tokens_per_clip) == (96, 500)
    assert config.context_rate * 10 == pytest.approx(config.video.steps)


def test_nothing_that_the_paper_has_not_is_on_in_the_papers_size():
    paper = vmas_paper()
    assert not paper.video.frame_difference
    assert not paper.decoder.context_positions
    assert not paper.decoder.context_time_bias
    assert not paper.decoder.time_aligned_path


def test_a_config_survives_json():
    for size in SIZES.values():
        config = size()
        assert config_from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_overrides_change_what_they_name_and_nothing_else():
    changed = with_overrides(vmas_base(), {"decoder": {"layers": 3}, "frame_rate": 12})
    assert changed.decoder.layers == 3
    assert changed.frame_rate == 12.0
    assert changed.video == vmas_base().video


def test_unknown_options_are_refused_by_name():
    with pytest.raises(ValueError, match=r"model\.decoder\.layer is not an option: .*layers"):
        with_overrides(vmas_base(), {"decoder": {"layer": 3}})


def test_a_value_of_another_type_is_refused():
    with pytest.raises(ValueError, match=r"model\.decoder\.layers \('three'\) must be of type int"):
        with_overrides(vmas_base(), {"decoder": {"layers": "three"}})


def test_a_config_of_before_an_option_came_has_its_default():
    values = vmas_base().to_dict()
    del values["frame_stride"]
    assert config_from_dict(values) == vmas_base()


def test_a_config_of_before_the_encoders_had_kinds_is_read():
    for size in SIZES.values():
        values = size().to_dict()
        del values["video"]["kind"]
        assert config_from_dict(values) == size()


def test_another_kind_of_encoder_takes_the_same_frames_unless_told_otherwise():
    small = {"kind": "clip_vit", "patch": 8, "width": 16, "depth": 1, "heads": 2}
    video = with_overrides(vmas_base(), {"video": small}).video
    assert video == ClipViTConfig(frames=48, frame_size=32, patch=8, width=16, depth=1, heads=2)
    with pytest.raises(ValueError, match=r"model\.video lacks depth, which kind clip_vit needs"):
        with_overrides(vmas_base(), {"video": {key: value for key, value in small.items() if key != "depth"}})
    with pytest.raises(ValueError, match=r"model\.video\.windows is not an option"):
        with_overrides(vmas_base(), {"video": small | {"windows": [8]}})


def test_an_unknown_kind_of_encoder_is_refused_by_name():
    with pytest.raises(ValueError, match=r"kind 'vgg' is unknown: choose one of hiera, clip_vit"):
        with_overrides(vmas_base(), {"video": {"kind": "vgg"}})


def test_a_missing_section_is_named():
    values = vmas_base().to_dict()
    del values["decoder"]
    with pytest.raises(ValueError, match="lacks decoder"):
        config_from_dict(values)


def test_stages_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match=r"widths \(8,\) must have 2 entries"):
        HieraConfig(
            frames=8, frame_size=16, depths=(1, 1), widths=(8,), heads=(1, 1), pool_strides=(2,), windows=(2, None)
        )


def test_a_decoder_config_keeps_the_papers_codebooks_by_default():
    config = MusicDecoderConfig(width=8, layers=1, heads=1)
    assert (config.codebooks, config.card, config.ffn_multiplier) == (4, 2048, 4)
