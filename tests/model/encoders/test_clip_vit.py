import pytest
import torch
from transformers import CLIPVisionConfig, CLIPVisionModel

from vmas_pipeline.model.encoders.clip_vit import ClipViT, ClipViTConfig

CONFIG = ClipViTConfig(frames=3, frame_size=32, patch=8, width=32, depth=2, heads=4)


def transformers_clip() -> CLIPVisionModel:
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
    model = CLIPVisionModel(CLIPVisionConfig(image_size=32, patch_size=8, **sizes)).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model


def as_openai_names_it(model: CLIPVisionModel) -> dict[str, torch.Tensor]:
    """The weights as OpenAI's checkpoint holds them, with some of the text half."""
    state = {name.removeprefix("vision_model."): value for name, value in model.state_dict().items()}
    named = {
        "class_embedding": state["embeddings.class_embedding"],
        "positional_embedding": state["embeddings.position_embedding.weight"],
        "conv1.weight": state["embeddings.patch_embedding.weight"],
        "proj": torch.randn(32, 16),
    }
    for theirs, ours in (("ln_pre", "pre_layrnorm"), ("ln_post", "post_layernorm")):
        named |= {f"{theirs}.{part}": state[f"{ours}.{part}"] for part in ("weight", "bias")}
    parts = {
        "ln_1": "layer_norm1", "ln_2": "layer_norm2", "mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2",
        "attn.out_proj": "self_attn.out_proj",
    }  # fmt: skip
    for layer in range(2):
        theirs, ours = f"transformer.resblocks.{layer}", f"encoder.layers.{layer}"
        for part in ("weight", "bias"):
            named |= {f"{theirs}.{new}.{part}": state[f"{ours}.{old}.{part}"] for new, old in parts.items()}
            qkv = [state[f"{ours}.self_attn.{name}_proj.{part}"] for name in "qkv"]
            named[f"{theirs}.attn.in_proj_{part}"] = torch.cat(qkv)
    return {f"visual.{name}": value for name, value in named.items()} | {"logit_scale": torch.ones(())}


@torch.inference_mode()
def test_with_openais_weights_it_computes_what_transformers_clip_computes():
    theirs, ours = transformers_clip(), ClipViT(CONFIG).eval()
    loaded = ours.load_published(as_openai_names_it(theirs))
    assert set(loaded.taken) == set(ours.state_dict())
    assert "logit_scale" in loaded.dropped
    frames = torch.randint(0, 256, (2, 3, 32, 32, 3), dtype=torch.uint8)
    mean, deviation = (
        torch.tensor([0.48145466, 0.4578275, 0.40821073]),
        torch.tensor([0.26862954, 0.26130258, 0.27577711]),
    )
    pixels = (frames.float() / 255 - mean) / deviation
    expected = theirs(pixels.flatten(0, 1).permute(0, 3, 1, 2)).pooler_output.view(2, 3, 32)
    features = ours(ours.normalise(frames))
    assert features.shape == (2, 3, 32)
    assert (features - expected).norm() / expected.norm() <= 1e-5


def test_timms_own_names_are_taken_too_and_those_of_another_size_refused():
    source, encoder = ClipViT(CONFIG), ClipViT(CONFIG)
    encoder.load_published(source.transformer.state_dict())
    assert torch.equal(source.transformer.cls_token, encoder.transformer.cls_token)
    wider = ClipViTConfig(frames=3, frame_size=32, patch=8, width=64, depth=2, heads=4)
    with pytest.raises(ValueError, match=r"of another model: transformer\.cls_token is \[1, 1, 32\] here"):
        encoder.load_published(ClipViT(wider).transformer.state_dict())


def test_frames_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"frames \[1, 3, 2, 32, 32\] must have the shape \[batch, 3, 3, 32, 32\]"):
        ClipViT(CONFIG)(torch.zeros(1, 3, 2, 32, 32))
