"""The embeddings that transformers loads, from tiny random weights saved in the published layout."""

import json

import pytest
import torch

from vmas_pipeline.evaluation.embeddings.clap import Clap
from vmas_pipeline.evaluation.embeddings.encodec import Encodec
from vmas_pipeline.evaluation.embeddings.mert import Mert


@pytest.fixture(scope="module")
def mert(tmp_path_factory):
    from transformers import HubertConfig, HubertModel

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("mert")
    sizes = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 48}
    convolutions = {"conv_dim": [16] * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4}
    model = HubertModel(HubertConfig(**sizes, **convolutions)).eval()
    model.save_pretrained(folder)
    settings = json.loads((folder / "config.json").read_text())
    settings |= {"model_type": "mert_model", "architectures": ["MERTModel"], "auto_map": {"AutoModel": "x.MERTModel"}}
    settings |= {"feature_extractor_cqt": False, "deepnorm": False, "attention_relax": -1.0, "sample_rate": 24_000}
    (folder / "config.json").write_text(json.dumps(settings))
    return folder, model


def test_mert_is_a_layer_of_hubert(mert):
    folder, model = mert
    waveform = torch.randn(12_000) / 10 + 0.2
    normalised = (waveform - waveform.mean()) / waveform.std(correction=0)
    with torch.no_grad():
        states = model(normalised[None], output_hidden_states=True).hidden_states[2][0]
    heard = Mert(weights=folder, layer=2).load()(waveform)
    torch.testing.assert_close(heard.vector, states.mean(0), atol=1e-5, rtol=1e-4)
    heard = Mert(weights=folder, layer=2, pooling="max").load()(waveform)
    torch.testing.assert_close(heard.vector, states.amax(0), atol=1e-5, rtol=1e-4)


def test_mert_variants_and_layers_that_are_not_there_are_refused(mert, tmp_path):
    with pytest.raises(ValueError, match=r"layer \(4\) is above the 3 of"):
        Mert(weights=mert[0], layer=4).load()
    (tmp_path / "config.json").write_text(json.dumps({"feature_extractor_cqt": True}))
    with pytest.raises(ValueError, match="was built with feature_extractor_cqt, which is not supported"):
        Mert(weights=tmp_path).load()
    (tmp_path / "config.json").unlink()
    with pytest.raises(ValueError, match="has no config.json: put config.json and pytorch_model.bin of m-a-p/MERT"):
        Mert(weights=tmp_path).load()


def test_clap_is_the_models_projected_audio(tmp_path):
    from transformers import ClapConfig, ClapFeatureExtractor, ClapModel

    torch.manual_seed(0)
    audio = {"depths": [1, 1], "num_attention_heads": [2, 2], "patch_embeds_hidden_size": 16, "hidden_size": 32}
    text = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    model = ClapModel(ClapConfig(audio_config=audio, text_config={**text, "vocab_size": 50}, projection_dim=24)).eval()
    model.save_pretrained(tmp_path)
    front_end = ClapFeatureExtractor(truncation="rand_trunc", padding="repeatpad")
    front_end.save_pretrained(tmp_path)
    waveform = torch.randn(48_000 * 2) / 10
    inputs = front_end([waveform.numpy()], sampling_rate=48_000, return_tensors="pt")
    with torch.no_grad():
        expected = model.audio_projection(model.audio_model(**inputs).pooler_output)[0]
    heard = Clap(weights=tmp_path).load()(waveform)
    torch.testing.assert_close(heard.vector, expected, atol=1e-5, rtol=1e-4)
    assert heard.vector.shape == (24,)


def test_encodec_is_the_encoders_output_before_it_is_quantised(tmp_path):
    from transformers import EncodecConfig, EncodecModel

    torch.manual_seed(0)
    sizes = {"num_filters": 4, "hidden_size": 16, "codebook_dim": 16, "codebook_size": 8, "upsampling_ratios": [4, 2]}
    model = EncodecModel(EncodecConfig(**sizes, sampling_rate=24_000)).eval()
    model.save_pretrained(tmp_path)
    waveform = torch.randn(4_000) / 10
    network = Encodec(weights=tmp_path).load()
    with torch.no_grad():
        expected = model.encoder(waveform[None, None])[0].mean(-1)
    torch.testing.assert_close(network(waveform).vector, expected)
    assert network.sample_rate == 24_000


def test_folders_without_a_model_are_refused(tmp_path):
    for embedding in (Clap(weights=tmp_path), Encodec(weights=tmp_path)):
        with pytest.raises(ValueError, match="holds no CLAP|no codec in"):
            embedding.load()
