"""Music for a video of any length: used by training, evaluation, serving and the command line alike."""

# B batch, T frames, K codebooks, N samples

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from vmas_pipeline.codec.chunks import decode_in_chunks
from vmas_pipeline.codec.interface import AudioCodec, load_codec
from vmas_pipeline.conditioning import conditions_of_frames
from vmas_pipeline.inference import Progress, SamplingConfig, generate
from vmas_pipeline.inference.windows import OVERLAP, TAIL_S, gaps, window_seed, windows
from vmas_pipeline.media import ClipSpec, Limits, measure, read_frames, whole_folder
from vmas_pipeline.model.conditions import Conditions
from vmas_pipeline.model.config import config_from_dict
from vmas_pipeline.model.vmas import VMAs
from vmas_pipeline.model_folder import FORMAT, ModelFolderError, one_line, read_config

if TYPE_CHECKING:
    from vmas_pipeline.inference.cpu import PackedDecoder

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
"""Data types of the network's weights, by name."""

ONE_THREAD_WIDTH = 512
"""Up to this decoder width, the steps of a single clip are too short to be worth sharing between threads."""


@dataclass(frozen=True, kw_only=True, config=ConfigDict(arbitrary_types_allowed=True))
class Music:
    """A piece of generated music."""

    waveform: np.ndarray  # float32 [channels, N] in [-1, 1]
    sample_rate: int


class Generator:
    """A trained model with its codec, clip spec and sampling settings: video in, waveform out."""

    def __init__(
        self,
        model: VMAs,
        codec: AudioCodec,
        clip: ClipSpec,
        sampling: SamplingConfig,
        training: dict[str, Any] | None = None,
        int8: bool = False,
    ):
        """Assemble the parts; `Generator.load` reads them from a model folder.

        Args:
            model: the network, in any mode; it is switched to evaluation mode.
            codec: decodes the tokens that the model generates.
            clip: the length, frame rate and frame size that the model was trained on.
            sampling: the default sampling settings.
            training: free-form provenance, kept in the folder's config.json.
            int8: generate with the decoder's weights rounded to 8 bits, on a CPU.
        """
        self.model = model.eval()
        self.int8 = _packed(model) if int8 else None
        self.codec = codec
        self.clip = clip
        self.sampling = sampling
        self.training = training or {}
        self.folder: Path | None = None  # that it was read from

    @property
    def window(self) -> int:
        """Token frames of one clip, the most that the model generates in one pass."""
        return round(self.clip.duration_s * self.codec.frame_rate)

    @classmethod
    def load(
        cls, folder: str | Path, device: str | None = None, int8: bool = False, dtype: str | None = None
    ) -> "Generator":
        """Read a model folder.

        Args:
            folder: written by `save`.
            device: where the network runs; by default the GPU if there is one.
            int8: round the decoder's weights to 8 bits, on the CPU: about twice as fast (docs/benchmarks.md).
            dtype: of the network's weights, fp32 (the default) or bf16: half the memory, and faster on a GPU, but
                slower on a CPU, whose compiled steps are float32 only. The codec stays in float32.

        Raises:
            ValueError: int8 with a device that is not the CPU, or with bf16; a dtype that is neither.
            ModelFolderError: a file is missing or damaged, or was written by another version.
        """
        folder = Path(folder)
        config = read_config(folder)
        device = device or ("cuda" if torch.cuda.is_available() and not int8 else "cpu")
        if int8 and device != "cpu":
            raise ValueError(f"int8 weights are for the CPU, not for device {device}")
        if dtype not in (None, *DTYPES):
            raise ValueError(f"dtype ({dtype}) must be one of {', '.join(DTYPES)}")
        if int8 and dtype == "bf16":
            raise ValueError("int8 weights are rounded from fp32: leave out dtype bf16")
        try:
            model = VMAs(config_from_dict(config["model"]))
            model.load_state_dict(load_file(folder / "model.safetensors"))
            clip = TypeAdapter(ClipSpec).validate_python(config["clip"])
            sampling = TypeAdapter(SamplingConfig).validate_python(config["sampling"])
        except ValidationError as error:
            raise ModelFolderError(f"{folder}/config.json does not fit this version: {one_line(error)}") from error
        except (ValueError, RuntimeError, SafetensorError) as error:
            raise ModelFolderError(f"{folder} does not fit this version: {' '.join(str(error).split())}") from error
        codec = load_codec(folder / "codec")
        model = model.to(device, DTYPES[dtype or "fp32"])
        generator = cls(model, codec.to(device), clip, sampling, config["training"], int8)
        generator.folder = folder
        return generator

    def with_sampling(self, **settings: Any) -> "Generator":
        """The same model with some settings of its `SamplingConfig` changed.

        Raises:
            ValueError: a setting that is unknown or out of range, or curve_guidance of a model without curves.
        """
        if unknown := sorted(set(settings) - set(asdict(self.sampling))):
            raise ValueError(f"sampling has no {', '.join(unknown)}: choose among {', '.join(asdict(self.sampling))}")
        if settings.get("curve_guidance") is not None and not self.model.config.curves:
            raise ValueError("curve_guidance: this model was trained without curves (train.model.curves); use guidance")
        other = copy(self)
        other.sampling = replace(self.sampling, **settings)
        return other

    def save(self, folder: str | Path) -> None:
        """Write the model folder atomically; an existing folder is replaced."""
        with whole_folder(Path(folder)) as partial:
            save_file({k: v.contiguous() for k, v in self.model.state_dict().items()}, partial / "model.safetensors")
            self.codec.save(partial / "codec")
            (partial / "config.json").write_text(json.dumps(self._config(), indent=2) + "\n")

    def _config(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "model": self.model.config.to_dict(),
            "clip": asdict(self.clip),
            "sampling": asdict(self.sampling),
            "training": self.training,
        }

    def generate(
        self,
        video: str | Path,
        seed: int = 0,
        seconds: float | None = None,
        progress: Progress | None = None,
        limits: Limits = Limits(),  # noqa: B008 - frozen
    ) -> Music:
        """Generate music of the video's length.

        A video longer than the model's clip is processed in windows: each starts inside the music generated so far and
        continues it. A shorter one is padded with its last frame, and the music is trimmed to its length.

        Args:
            video: any file with a video stream that FFmpeg reads.
            seed: the same seed gives the same music on the same machine.
            seconds: generate at most this much, from the start of the video.
            progress: called after each step; an exception from it stops the generation.
            limits: of the video, checked before generation starts.

        Raises:
            MediaError: the file cannot be read, has no video stream, or is above the limits.
            ValueError: seed is negative, or seconds is not positive.
        """
        if seconds is not None and not seconds > 0:
            raise ValueError(f"seconds ({seconds}) must be positive")
        if seed < 0:
            raise ValueError(f"seed ({seed}) must not be negative")
        duration = min(measure(video, limits).duration_s, seconds or math.inf)
        codes = self.compose(video, [seed], self.tokens_in(duration), progress=progress, limits=limits)
        samples = round(duration * self.codec.sample_rate)
        return Music(waveform=decode_in_chunks(self.codec, codes)[0, :, :samples], sample_rate=self.codec.sample_rate)

    def tokens_in(self, duration_s: float) -> int:
        """Token frames that cover a duration, at least one."""
        return max(1, math.ceil(duration_s * self.codec.frame_rate))

    def compose(
        self,
        video: str | Path,
        seeds: Sequence[int],
        tokens: int,
        *,
        start_s: float = 0.0,
        given: torch.Tensor | None = None,
        strikes_s: Sequence[float] = (),
        progress: Progress | None = None,
        limits: Limits = Limits(),  # noqa: B008 - frozen
    ) -> torch.Tensor:
        """The tokens of a piece for each seed, window by window; `generate` decodes those of one.

        Args:
            video: as for `generate`.
            seeds: of B pieces, whose video is read and encoded once; each is the piece that its seed alone makes.
            tokens: T.
            start_s: where in the video the music begins.
            given: int64 [K, T], music that stays as it is, -1 where it is to be composed: a gap continues what is
                before it, and knows nothing of what comes after it.
            strikes_s: moments of the video at which the music shall strike, as if its motion peaked there.
            progress, limits: as for `generate`.

        Returns:
            int64 [B, K, T].

        Raises:
            MediaError: the file cannot be read, or is above the limits.
            ValueError: strikes for a model without curves.
        """
        blank = torch.full((self.codec.codebooks, tokens), -1) if given is None else given
        codes = blank.to(self.device).expand(len(seeds), -1, -1).clone()
        plan = [window for gap in gaps(blank[0].numpy() < 0) for window in self.windows(tokens, gap)]
        made, total = 0, sum(end - done for _, done, end in plan)
        with _threads_for(self.model.config.decoder.width):
            for index, (start, done, end) in enumerate(plan):
                context_s = start_s + start / self.codec.frame_rate
                strikes = [moment - context_s for moment in strikes_s]
                frames = self.frames(video, context_s, limits)
                conditions = conditions_of_frames(frames, self.model.config, strikes)
                prompt = codes[..., start:done] if done > start else None
                noise = [window_seed(seed, index) for seed in seeds]
                shown = _within(progress, made, made + end - done, total)
                codes[..., done:end] = self._window_codes(conditions, end - start, prompt, noise, shown)[
                    ..., done - start :
                ]
                made += end - done
        return codes

    def windows(self, tokens: int, gap: tuple[int, int] | None = None) -> list[tuple[int, int, int]]:
        """In what windows a length of tokens, or a gap in it, is made: as `inference.windows`."""
        return list(windows(tokens, self.window, OVERLAP, gap, round(TAIL_S * self.codec.frame_rate)))

    def frames(self, video: str | Path, start_s: float, limits: Limits = Limits()) -> np.ndarray:  # noqa: B008 - frozen
        """The clip of a video that begins at `start_s`, uint8 [F, H, W, 3]; beyond the end its last frame stays."""
        return read_frames(
            video,
            frame_rate=self.clip.frame_rate,
            size=self.clip.frame_size,
            start_s=start_s,
            frames=self.clip.frames_per_clip,
            limits=limits,
        )

    def generate_clips(self, conditions: Conditions, seeds: Sequence[int]) -> np.ndarray:
        """Generate music for a batch of clips.

        Args:
            conditions: of B whole clips.
            seeds: one per clip: the same seed gives the same music in any batch.

        Returns:
            float32 [B, N], of the clip's length.
        """
        codes = self._window_codes(conditions, self.window, None, seeds, None)
        return decode_in_chunks(self.codec, codes)[:, 0]

    @property
    def device(self) -> torch.device:
        """Where the network runs."""
        return next(self.model.parameters()).device

    @torch.inference_mode()
    def _window_codes(
        self,
        conditions: Conditions,
        tokens: int,
        prompt: torch.Tensor | None,
        seeds: Sequence[int],
        progress: Progress | None,
    ) -> torch.Tensor:
        """A window of each seed's piece; one clip's conditions serve all seeds."""
        conditions = conditions.map(lambda tensor: tensor.to(self.device))
        separate = self.sampling.separates_curves
        context = self.model.encode(conditions)
        plain = self.model.encode(conditions.without_curves()) if separate else None
        return generate(
            self.model.music_decoder,
            context.expanded(len(seeds)),
            frames=tokens,
            sampling=self.sampling,
            seeds=seeds,
            without_curves=plain.expanded(len(seeds)) if plain else None,
            prompt=prompt,
            int8=self.int8,
            progress=progress,
        )


def _packed(model: VMAs) -> "PackedDecoder":
    from vmas_pipeline.inference.cpu import pack

    return pack(model.music_decoder, int8=True)


def _within(progress: Progress | None, done: int, end: int, total: int) -> Progress | None:
    """Convert the steps of one window, slightly more than its tokens, into overall progress."""
    return None if progress is None else lambda steps, _: progress(min(done + steps, end), total)


@contextmanager
def _threads_for(width: int) -> Iterator[None]:
    """Use one thread for the steps of one small decoder: on two busy cores, two threads took 14 times the CPU time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if width <= ONE_THREAD_WIDTH else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def clip_seed(seed: int, clip_id: str) -> int:
    """A distinct seed for each clip, independent of the rest of its batch."""
    return int(np.random.SeedSequence([seed, *clip_id.encode()]).generate_state(1)[0])
