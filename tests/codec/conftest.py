"""EnCodec's 32 kHz layout with random weights, a few channels wide, as transformers and as audiocraft keep it."""

import pytest
import torch
from omegaconf import OmegaConf
from transformers import EncodecConfig, EncodecModel


@pytest.fixture(scope="session")
def encodec():
    torch.manual_seed(0)
    config = EncodecConfig(
        sampling_rate=32000,
        target_bandwidths=[2.2],
        upsampling_ratios=[8, 5, 4, 4],
        num_filters=4,
        hidden_size=16,
        codebook_dim=16,
        codebook_size=2048,
        num_lstm_layers=1,
        use_causal_conv=False,
        normalize=False,
        norm_type="weight_norm",
    )
    network = EncodecModel(config).eval()
    for layer in network.quantizer.layers:
        layer.codebook.embed.normal_(std=0.1)
    return network


@pytest.fixture(scope="session")
def encodec_folder(encodec, tmp_path_factory):
    path = tmp_path_factory.mktemp("encodec")
    encodec.save_pretrained(path)
    return path


def audiocraft_settings() -> dict:
    """Of the same layout as the fixture `encodec`, in audiocraft's words."""
    seanet = {
        "channels": 1, "dimension": 16, "n_filters": 4, "n_residual_layers": 1, "ratios": [8, 5, 4, 4], "causal": False,
        "norm": "weight_norm", "lstm": 1, "pad_mode": "reflect", "true_skip": False, "encoder": {}, "decoder": {},
    }  # fmt: skip
    return {
        "compression_model": "encodec",
        "encodec": {"autoencoder": "seanet", "quantizer": "rvq", "sample_rate": 32000, "channels": 1},
        "seanet": seanet,
        "rvq": {"n_q": 4, "bins": 2048},
    }


def audiocraft_name(name: str) -> str:
    """audiocraft's name of one of transformers' parameters."""
    for theirs, ours in (
        ("coder.layers.", "coder.model."),
        ("quantizer.layers.", "quantizer.vq.layers."),
        (".codebook.", "._codebook."),
        (".parametrizations.weight.original0", ".weight_g"),
        (".parametrizations.weight.original1", ".weight_v"),
    ):
        name = name.replace(theirs, ours)
    return name


@pytest.fixture(scope="session")
def audiocraft_file(encodec, tmp_path_factory):
    """The fixture's weights in a file as audiocraft writes one."""
    from audiocraft.models.builders import get_compression_model  # takes ten seconds, and few tests need it

    settings = OmegaConf.create({**audiocraft_settings(), "device": "cpu"})
    names = get_compression_model(settings).state_dict()
    convolution = {name.replace(".conv.conv.", ".conv.").replace(".convtr.convtr.", ".conv."): name for name in names}
    state = {convolution[audiocraft_name(name)]: value for name, value in encodec.state_dict().items()}
    assert set(state) == set(names)
    file = tmp_path_factory.mktemp("musicgen") / "compression_state_dict.bin"
    torch.save({"best_state": state, "xp.cfg": OmegaConf.to_yaml(settings)}, file)
    return file
