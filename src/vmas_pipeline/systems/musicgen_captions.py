"""VidMusicGen on captions: a captioner's sentence about the video, and published MusicGen on that sentence.

Nothing is trained. The parts come by name from the Hugging Face hub (its cache, or the network), or from a folder with
`musicgen/` and `captioner/`, each as transformers' `save_pretrained` writes it. MusicGen's weights are under CC BY-NC
4.0: not for commercial use; see the captioner's page for its own terms. Timing is out of reach: a sentence says nothing
of when things happen.
"""

# B clips, F frames, N samples

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from vmas_pipeline.features.shards import Sample
from vmas_pipeline.generator import Music, clip_seed
from vmas_pipeline.media import ClipSpec, measure, read_frames
from vmas_pipeline.versioning import content_hash

if TYPE_CHECKING:
    from transformers import MusicgenForConditionalGeneration, VisionEncoderDecoderModel

MUSICGEN = "facebook/musicgen-small"
CAPTIONER = "Neleac/timesformer-gpt2-video-captioning"
PROCESSOR, TOKENIZER = "MCG-NJU/videomae-base", "gpt2"
"""What the captioner's page reads frames and writes words with; a local folder of it holds both."""
LICENCE = "MusicGen's published weights are under CC BY-NC 4.0: not for commercial use"

MOST_S = 30.0
"""MusicGen was trained on as much."""
PROMPT_S = 10.0
"""Of the music so far, which a further piece continues."""
FRAME_SIZE = 224


class Captioner:
    """A video in a sentence."""

    def __init__(self, network: "VisionEncoderDecoderModel", processor: Any, tokenizer: Any) -> None:
        self.network, self.processor, self.tokenizer = network.eval(), processor, tokenizer

    @classmethod
    def load(cls, name: str) -> Self:
        """From a folder or by name.

        Raises:
            ValueError: it cannot be had.
        """
        from transformers import AutoImageProcessor, AutoTokenizer, VisionEncoderDecoderModel

        local = Path(name).is_dir()
        network = _part(VisionEncoderDecoderModel.from_pretrained, name, "captioner")
        processor = _part(AutoImageProcessor.from_pretrained, name if local else PROCESSOR, "captioner")
        return cls(network, processor, _part(AutoTokenizer.from_pretrained, name if local else TOKENIZER, "captioner"))

    @property
    def frames(self) -> int:
        """Of a video, that it looks at."""
        return int(self.network.config.encoder.num_frames)

    @torch.inference_mode()
    def __call__(self, frames: np.ndarray) -> str:
        """Frames uint8 [F, H, W, 3], as many as it looks at or more -> what they show, in English."""
        chosen = frames[np.linspace(0, len(frames) - 1, self.frames).round().astype(int)]
        pixels: Tensor = self.processor(list(chosen), return_tensors="pt").pixel_values
        words: Any = self.network.generate(pixels, min_length=10, max_length=20, num_beams=8)
        return str(self.tokenizer.batch_decode(words, skip_special_tokens=True)[0]).strip()


class MusicGenCaptionsSystem:
    """Published MusicGen on a caption."""

    name = "musicgen_captions"

    def __init__(
        self,
        musicgen: "MusicgenForConditionalGeneration",
        processor: Any,
        captioner: Captioner | None,
        caption: str | None,
        guidance: float,
        revision: str,
    ) -> None:
        self.musicgen, self.processor = musicgen.eval(), processor
        self.captioner, self.caption, self.guidance = captioner, caption, guidance
        self.clip: ClipSpec | None = None
        audio: Any = musicgen.config.audio_encoder
        self.sample_rate, self.tokens_per_second = int(audio.sampling_rate), int(audio.frame_rate)
        self.revision = revision

    @classmethod
    def load(
        cls,
        source: Path,
        musicgen: str = MUSICGEN,
        captioner: str = CAPTIONER,
        caption: str | None = None,
        guidance: float = 3.0,
    ) -> Self:
        """Load the parts, and say under which licence they are.

        Args:
            source: a folder with musicgen/ and captioner/; one that it lacks comes by name.
            musicgen: its name, if the folder has none.
            captioner: likewise.
            caption: in place of a captioner's, for every video.
            guidance: above 1 follows the caption more closely.

        Raises:
            ValueError: a part is neither in the folder nor to be had from the hub.
        """
        names = {"musicgen": musicgen, "captioner": captioner}
        found = {part: str(source / part) if (source / part).is_dir() else name for part, name in names.items()}
        print(f"{cls.name}: {found['musicgen']}; {LICENCE}", flush=True)
        from transformers import MusicgenForConditionalGeneration, MusicgenProcessor

        network = _part(MusicgenForConditionalGeneration.from_pretrained, found["musicgen"], "musicgen")
        processor = _part(MusicgenProcessor.from_pretrained, found["musicgen"], "musicgen")
        describe = None if caption else Captioner.load(found["captioner"])
        hashes = "-".join(content_hash(name) for name in found.values())
        network.to("cuda" if torch.cuda.is_available() else "cpu")
        return cls(network, processor, describe, caption, guidance, f"{hashes}-{caption or ''}-{guidance:g}")

    def about(self) -> dict[str, Any]:
        """Its parts and their licence."""
        return {
            "parameters": sum(weights.numel() for weights in self.musicgen.parameters()),
            "musicgen": self.musicgen.config.name_or_path,
            "captioner": self.caption or (self.captioner and self.captioner.network.config.name_or_path),
            "guidance": self.guidance,
            "licence": LICENCE,
        }

    def generate(self, video: Path, seed: int = 0, seconds: float | None = None) -> Music:
        """Music on one caption of the whole video, or of its first `seconds`."""
        duration_s = min(measure(video).duration_s, seconds or math.inf)
        looked_at = self.captioner.frames if self.captioner else 1
        frames = read_frames(video, frame_rate=looked_at / duration_s, size=FRAME_SIZE, frames=looked_at)
        waveform = self._music(self._caption(frames), duration_s, seed)
        return Music(waveform=waveform[None], sample_rate=self.sample_rate)

    def generate_clips(self, samples: Sequence[Sample], seed: int = 0) -> np.ndarray:
        """Music on a caption of each clip, float32 [B, N]."""
        made = [
            self._music(self._caption(sample.frames), float(sample.row["duration_s"]), clip_seed(seed, sample.clip_id))
            for sample in samples
        ]
        return np.stack(made)

    def _caption(self, frames: np.ndarray) -> str:
        if self.caption or not self.captioner:
            return self.caption or ""
        found = self.captioner(frames)
        tqdm.write(f"caption: {found}")
        return found

    @torch.inference_mode()
    def _music(self, caption: str, duration_s: float, seed: int) -> np.ndarray:
        """float32 [N] of any length: after MusicGen's own length, further pieces continue the last seconds."""
        samples = round(duration_s * self.sample_rate)
        waveform = np.zeros(0, np.float32)
        with torch.random.fork_rng(), tqdm(total=duration_s, desc="music", unit="s", disable=None, leave=False) as bar:
            torch.manual_seed(seed)
            while len(waveform) < samples:
                prompt = waveform[-round(PROMPT_S * self.sample_rate) :]
                waveform = np.concatenate([waveform, self._piece(caption, prompt, samples - len(waveform))])
                bar.update(round(len(waveform) / self.sample_rate, 1) - bar.n)
        return waveform[:samples].clip(-1, 1)

    def _piece(self, caption: str, prompt: np.ndarray, most: int) -> np.ndarray:
        """What MusicGen makes after a prompt, about `most` samples or as many as it can."""
        before_s = len(prompt) / self.sample_rate
        tokens = math.ceil(min(most / self.sample_rate, MOST_S - before_s) * self.tokens_per_second)
        heard = {"audio": prompt, "sampling_rate": self.sample_rate} if len(prompt) else {}
        inputs = self.processor(text=[caption], padding=True, return_tensors="pt", **heard).to(self.musicgen.device)
        delay = self.musicgen.config.decoder.num_codebooks
        made: Any = self.musicgen.generate(
            **inputs, do_sample=True, guidance_scale=self.guidance, max_new_tokens=tokens + delay
        )
        piece: np.ndarray = made[0, 0, len(prompt) :].float().cpu().numpy()
        if not len(piece):
            raise ValueError(f"MusicGen made nothing for {caption!r}: give another --caption or --seed")
        return piece


def _part(load: Callable[..., Any], name: str, part: str) -> Any:
    """What `load` finds under a name.

    Raises:
        ValueError: nothing.
    """
    try:
        return load(name)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{part}: {name} is neither a local folder of transformers nor to be had from the hub "
            f"({str(error).splitlines()[0][:120]}): with a network it comes by that name; without, put {_FILES[part]} "
            f"into FOLDER/{part} and give --source FOLDER"
        ) from error


_FILES = {
    "musicgen": f"the files of {MUSICGEN} (config.json, model.safetensors, preprocessor_config.json, tokenizer.json)",
    "captioner": f"the files of {CAPTIONER} (config.json, model.safetensors), preprocessor_config.json of {PROCESSOR} "
    f"and tokenizer.json of {TOKENIZER}",
}
