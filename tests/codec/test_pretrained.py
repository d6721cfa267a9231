import pytest
import torch
from transformers import EncodecConfig, EncodecModel

from vmas_pipeline.codec.interface import load_codec


def test_a_local_folder_serves_the_codec_interface(encodec_folder):
    codec = load_codec(encodec_folder)
    assert (codec.sample_rate, codec.frame_rate, codec.codebooks, codec.card) == (32000, 50.0, 4, 2048)
    assert codec.code_vectors.shape == (4, 2048, 16)
    codes = codec.encode(torch.zeros(2, 1, 32000))
    assert codes.shape == (2, 4, 50)
    assert codes.dtype == torch.int64
    assert codec.decode(codes).shape == (2, 1, 32000)


def test_codes_and_sound_are_those_of_transformers(encodec, encodec_folder):
    codec = load_codec(encodec_folder)
    waveform = 0.1 * torch.randn(1, 1, 6400, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        encoded = encodec.encode(waveform, bandwidth=2.2)
        decoded = encodec.decode(encoded.audio_codes, encoded.audio_scales).audio_values
    torch.testing.assert_close(codec.encode(waveform), encoded.audio_codes[0])
    torch.testing.assert_close(codec.decode(encoded.audio_codes[0]), decoded)


def test_saving_copies_what_load_reads(encodec_folder, tmp_path):
    load_codec(encodec_folder).save(tmp_path / "copy")
    waveform = torch.ones(1, 1, 3200)
    torch.testing.assert_close(
        load_codec(tmp_path / "copy").encode(waveform), load_codec(encodec_folder).encode(waveform)
    )


def test_codes_sound_and_code_vectors_through_audiocraft_are_those_through_transformers(
    encodec_folder, audiocraft_file, tmp_path
):
    transformers, audiocraft = load_codec(encodec_folder), load_codec(audiocraft_file)
    audiocraft.save(tmp_path / "copy")
    waveform = 0.1 * torch.randn(2, 1, 6400, generator=torch.Generator().manual_seed(0))
    codes = transformers.encode(waveform)
    for codec in (audiocraft, load_codec(tmp_path / "copy")):
        for name in ("sample_rate", "frame_rate", "codebooks", "card"):
            assert getattr(codec, name) == getattr(transformers, name)
        assert torch.equal(codec.encode(waveform), codes)
        torch.testing.assert_close(codec.code_vectors, transformers.code_vectors)
        torch.testing.assert_close(codec.decode(codes[:, :2]), transformers.decode(codes[:, :2]))


def test_a_file_that_is_no_codec_is_named(tmp_path):
    (tmp_path / "codec.bin").write_bytes(b"\x80\x02 something else")
    with pytest.raises(ValueError, match=r"codec\.bin is not a codec of audiocraft's.*codec\.pretrained"):
        load_codec(tmp_path / "codec.bin")


def test_the_24_khz_layout_has_the_codebooks_of_its_bandwidth_and_a_copy_keeps_them(tmp_path):
    config = EncodecConfig(
        num_filters=4, hidden_size=16, codebook_dim=16, num_lstm_layers=1
    )  # 24 kHz, 1.5 to 24 kbit/s
    EncodecModel(config).save_pretrained(tmp_path / "theirs")
    codec = load_codec(tmp_path / "theirs", bandwidth=6.0)
    codec.save(tmp_path / "copy")
    for loaded in (codec, load_codec(tmp_path / "copy")):
        assert (loaded.sample_rate, loaded.frame_rate, loaded.codebooks, loaded.card) == (24000, 75.0, 8, 1024)
        assert loaded.encode(torch.zeros(1, 1, 24000)).shape == (1, 8, 75)
    assert load_codec(tmp_path / "theirs").codebooks == 32
    with pytest.raises(ValueError, match=r"codec\.bandwidth \(5\.0\) is not one of .*theirs's: choose one of \[1\.5,"):
        load_codec(tmp_path / "theirs", bandwidth=5.0)


def test_a_stereo_codec_is_refused(tmp_path):
    config = EncodecConfig(
        sampling_rate=48000, audio_channels=2, normalize=True, chunk_length_s=1.0, overlap=0.01, num_filters=4,
        hidden_size=16, codebook_dim=16, num_lstm_layers=1,
    )  # fmt: skip
    EncodecModel(config).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"is for 2 channels .*facebook/encodec_32khz"):
        load_codec(tmp_path)


def test_a_missing_codec_says_where_to_put_it(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match="put .*model.safetensors of facebook/encodec_32khz into a folder.*null"):
        load_codec("nobody/no-such-codec")
