"""MusicGen and a captioner with random weights, in the files and folders that the published ones have."""

import json
from pathlib import Path
from typing import Any

WORDS = [
    "<pad>",
    "</s>",
    "<unk>",
    "<s>",
    "a",
    "man",
    "plays",
    "guitar",
    "dog",
    "runs",
    "car",
    "sea",
    "slow",
    "fast",
    "happy",
    "calm",
]


def tiny_parts(folder: Path) -> Path:
    """Write musicgen/ and captioner/; 8 kHz."""
    import torch

    torch.manual_seed(0)
    _musicgen(folder / "musicgen")
    _captioner(folder / "captioner")
    return folder


def _musicgen(folder: Path) -> None:
    from transformers import (
        EncodecConfig,
        EncodecFeatureExtractor,
        MusicgenConfig,
        MusicgenDecoderConfig,
        MusicgenForConditionalGeneration,
        T5Config,
    )

    text = T5Config(vocab_size=len(WORDS), d_model=16, d_kv=4, d_ff=16, num_layers=1, num_heads=2)
    audio: Any = EncodecConfig(
        sampling_rate=8000,
        normalize=False,
        num_filters=4,
        upsampling_ratios=[8, 5, 4],
        hidden_size=16,
        codebook_dim=16,
        codebook_size=32,
        num_lstm_layers=1,
        target_bandwidths=[1.0],  # four codebooks of 32 at 50 Hz
    )
    sizes: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "ffn_dim": 16}
    decoder = MusicgenDecoderConfig(vocab_size=32, pad_token_id=32, bos_token_id=32, **sizes)
    parts = {"text_encoder": text.to_dict(), "audio_encoder": audio.to_dict(), "decoder": decoder.to_dict()}
    network = MusicgenForConditionalGeneration(MusicgenConfig(**parts))
    for name in ("decoder_start_token_id", "pad_token_id", "bos_token_id"):
        setattr(network.generation_config, name, 32)
    for layer in network.audio_encoder.quantizer.layers:
        layer.codebook.embed.normal_()  # codebooks are zeros until they are trained
    for head in network.decoder.lm_heads:
        head.weight.data *= 50  # what it reads decides, not chance alone
    network.save_pretrained(folder)
    EncodecFeatureExtractor(feature_size=1, sampling_rate=8000).save_pretrained(folder)  # preprocessor_config.json
    settings = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").write_text(json.dumps({**settings, "processor_class": "MusicgenProcessor"}))
    _tokenizer().save_pretrained(folder)


def _captioner(folder: Path) -> None:
    from transformers import (
        GPT2Config,
        TimesformerConfig,
        VideoMAEImageProcessor,
        VisionEncoderDecoderConfig,
        VisionEncoderDecoderModel,
    )

    sizes: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    video = TimesformerConfig(image_size=32, patch_size=16, num_frames=4, intermediate_size=16, **sizes)
    text = GPT2Config(vocab_size=len(WORDS), n_embd=16, n_layer=1, n_head=2, n_positions=64)
    network = VisionEncoderDecoderModel(VisionEncoderDecoderConfig.from_encoder_decoder_configs(video, text))
    for name, token in (("decoder_start_token_id", 3), ("pad_token_id", 0), ("eos_token_id", 1)):
        setattr(network.generation_config, name, token)
    network.decoder.transformer.wpe.weight.data *= 100  # a word for each position, rather than one for all
    network.save_pretrained(folder)
    VideoMAEImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}).save_pretrained(folder)
    _tokenizer().save_pretrained(folder)


def _tokenizer() -> Any:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    words.pre_tokenizer = Whitespace()
    special = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>", "bos_token": "<s>"}
    return PreTrainedTokenizerFast(tokenizer_object=words, **special)
