from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from vmas_pipeline.model.vmas import VMAs
from vmas_pipeline.training.config import ModelConfig
from vmas_pipeline.training.pretrained import check_init_from, load_pretrained, read_weights
from vmas_pipeline.training.stage import train

SMALL = {
    "frame_shrink": 1,
    "video": {
        "frames": 8, "frame_size": 16, "depths": [1, 1], "widths": [8, 16], "heads": [1, 2],
        "pool_strides": [2], "windows": [2, None],
    },
    "decoder": {"width": 16, "layers": 1, "heads": 2},
}  # fmt: skip


@pytest.fixture
def config() -> ModelConfig:
    return ModelConfig(overrides=SMALL)


def musicgen_of(model: VMAs) -> dict[str, torch.Tensor]:
    """A model's music decoder as audiocraft would have saved it."""
    decoder = {name: value for name, value in model.music_decoder.state_dict().items() if "time_bias" not in name}
    own, cross = "layers.0.self_attention.", "layers.0.cross_attention."
    state = {
        f"transformer.{cross}in_proj_weight": torch.cat(
            [decoder.pop(f"{cross}q.weight"), decoder.pop(f"{cross}kv.weight")]
        ),
        f"transformer.{cross}out_proj.weight": decoder.pop(f"{cross}out.weight"),
        "transformer.layers.0.self_attn.in_proj_weight": decoder.pop(f"{own}qkv.weight"),
        "transformer.layers.0.self_attn.out_proj.weight": decoder.pop(f"{own}out.weight"),
    }
    names = {"embeddings.": "emb.", "outputs.": "linears.", "norm.": "out_norm.", "layers.": "transformer.layers."}
    for name, value in decoder.items():
        theirs = next((names[ours] for ours in names if name.startswith(ours)), None)
        if theirs:
            state[theirs + name.split(".", 1)[1]] = value
    return state


def test_both_parts_start_from_files_as_their_authors_publish_them(config, tmp_path):
    torch.manual_seed(1)
    source, model = VMAs(config.build()), VMAs(config.build())
    torch.save({"model_state": source.video_encoder.state_dict()}, tmp_path / "hiera.pth")
    torch.save({"best_state": musicgen_of(source), "xp.cfg": "a: 1"}, tmp_path / "musicgen.bin")
    named = replace(config, encoder_weights=tmp_path / "hiera.pth", musicgen_weights=tmp_path / "musicgen.bin")
    told = load_pretrained(model, named)
    ours = model.state_dict()
    for name, value in source.state_dict().items():
        if name.startswith("video_encoder.") or ".layers.0.self_attention" in name or ".embeddings." in name:
            assert torch.equal(ours[name], value), name
    assert "video encoder: " in told[0] and "hiera.pth" in told[0]
    assert "left as they were: " in told[1] and "context_proj.weight" in told[1]


def test_clips_weights_go_to_an_encoder_of_clips_kind(tmp_path):
    sizes = {"frames": 2, "frame_size": 16, "patch": 8, "width": 16, "depth": 1, "heads": 2}
    config = ModelConfig(size="vmas_clip", overrides={"video": sizes, "decoder": SMALL["decoder"]})
    source, model = VMAs(config.build()), VMAs(config.build())
    save_file(source.video_encoder.transformer.state_dict(), tmp_path / "clip.safetensors")
    load_pretrained(model, replace(config, encoder_weights=tmp_path / "clip.safetensors"))
    ours, theirs = (encoder.video_encoder.transformer.pos_embed for encoder in (model, source))
    assert torch.equal(ours, theirs)


def test_safetensors_and_torch_files_hold_the_same(tmp_path):
    state = {"a": torch.arange(3.0)}
    save_file(state, tmp_path / "a.safetensors")
    torch.save(state, tmp_path / "a.bin")
    assert torch.equal(read_weights(tmp_path / "a.safetensors")["a"], read_weights(tmp_path / "a.bin")["a"])


@pytest.mark.parametrize("name", ["a.safetensors", "a.pth"])
def test_a_damaged_file_is_named(config, tmp_path, name):
    (tmp_path / name).write_bytes(b"\x80\x02 not weights")
    with pytest.raises(ValueError, match=rf"{name}: .*download it again"):
        load_pretrained(VMAs(config.build()), replace(config, encoder_weights=tmp_path / name))


def test_nothing_in_a_file_is_executed(config, tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    torch.save({"a": Trap()}, tmp_path / "trap.pth")
    with pytest.raises(ValueError, match="torch cannot read it"):
        load_pretrained(VMAs(config.build()), replace(config, encoder_weights=tmp_path / "trap.pth"))
    assert not (tmp_path / "sprung").exists()


def test_a_missing_file_is_named_with_what_belongs_there(config, tmp_path):
    with pytest.raises(ValueError, match=r"train\.model\.musicgen_weights names .*nowhere\.bin.*state_dict\.bin.*null"):
        check_init_from(replace(config, musicgen_weights=tmp_path / "nowhere.bin"), torch.zeros(4, 256, 64))


def test_a_missing_file_ends_training_before_it_begins(features, codec, clip, small_config, tmp_path):
    model = replace(small_config().model, encoder_weights=tmp_path / "nowhere.pth")
    with pytest.raises(ValueError, match="there is no such file"):
        train(replace(small_config(), model=model), clip, features, codec, tmp_path / "model", tmp_path / "checkpoints")
    assert not (tmp_path / "checkpoints").exists()
