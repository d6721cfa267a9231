import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vmas_pipeline.codec.chunks import decode_in_chunks
from vmas_pipeline.conditioning import conditions_of_frames
from vmas_pipeline.curation import CurationConfig, curate
from vmas_pipeline.features.clip import extract_clip
from vmas_pipeline.features.config import FeaturesConfig
from vmas_pipeline.generator import Generator
from vmas_pipeline.inference import SamplingConfig
from vmas_pipeline.inference.windows import window_seed
from vmas_pipeline.media import MediaError, read_frames
from vmas_pipeline.model.conditions import Conditions
from vmas_pipeline.model_folder import ModelFolderError

from .media.conftest import ramp_film, ramp_numbers
from .tiny_model import CLIP, film, tiny_generator


@pytest.fixture(scope="module")
def generator() -> Generator:
    return tiny_generator()


@pytest.fixture(scope="module")
def twelve_seconds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("films") / "long.mp4", 12.0)


def test_curves_of_a_model_without_them_guide_nothing(generator: Generator) -> None:
    with pytest.raises(ValueError, match="curve_guidance: this model was trained without curves"):
        generator.with_sampling(curve_guidance=2.0)


@pytest.mark.parametrize("seconds", [0.4, 5.0])
def test_music_is_as_long_as_the_picture(generator: Generator, tmp_path: Path, seconds: float) -> None:
    music = generator.generate(film(tmp_path / "film.mp4", seconds))
    assert music.sample_rate == 16_000
    assert music.waveform.shape == (1, round(seconds * 16_000))
    assert music.waveform.dtype == np.float32
    assert 0 < np.abs(music.waveform).max() <= 1


def test_a_long_video_gets_music_of_its_length_and_progress_reaches_the_end(
    generator: Generator, twelve_seconds: Path
) -> None:
    steps: list[tuple[int, int]] = []
    music = generator.generate(twelve_seconds, progress=lambda done, total: steps.append((done, total)))
    assert music.waveform.shape == (1, 192_000)
    done = [made for made, _ in steps]
    assert done == sorted(done)
    assert done[-1] == 600
    assert {total for _, total in steps} == {600}


def test_each_window_continues_the_tokens_of_the_one_before(generator: Generator, twelve_seconds: Path) -> None:
    codes = generator.compose(twelve_seconds, [3], 600)
    frames = read_frames(twelve_seconds, frame_rate=CLIP.frame_rate, size=64, start_s=7.0, frames=48)
    last = generator._window_codes(
        conditions_of_frames(frames, generator.model.config), 250, codes[..., 350:585], [window_seed(3, 4)], None
    )
    assert torch.equal(last, codes[..., 350:])


def test_the_same_seed_makes_the_same_music_and_another_seed_another(
    generator: Generator, twelve_seconds: Path
) -> None:
    first, again, other = (generator.generate(twelve_seconds, seed=s, seconds=1.0).waveform for s in (0, 0, 1))
    assert first.shape == (1, 16_000)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_seconds_beyond_the_video_give_the_whole_video(generator: Generator, tmp_path: Path) -> None:
    assert generator.generate(film(tmp_path / "film.mp4", 0.4), seconds=60).waveform.shape == (1, 6_400)


def test_clips_in_a_batch_get_music_of_the_clip_length(generator: Generator) -> None:
    frames = torch.randint(256, (2, 48, 32, 32, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    conditions = Conditions.of_video(frames)
    music = generator.generate_clips(conditions, seeds=[4, 5])
    assert music.shape == (2, 80_000)
    assert np.array_equal(music, generator.generate_clips(conditions, seeds=[4, 5]))


def test_chunks_join_as_if_decoded_together(generator: Generator) -> None:
    codes = torch.randint(256, (1, 4, 3_300), generator=torch.Generator().manual_seed(0))  # 66 s: three chunks
    with torch.inference_mode():
        whole = generator.codec.decode(codes).clamp(-1, 1).numpy()
    np.testing.assert_allclose(decode_in_chunks(generator.codec, codes), whole, atol=1e-5)


def test_settings_of_the_sampling_can_be_changed(generator: Generator) -> None:
    assert generator.with_sampling(guidance=2.0).sampling == SamplingConfig(top_k=20, guidance=2.0)
    assert generator.sampling.guidance == 1.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"seconds": 0.0}, r"seconds \(0.0\) must be positive"), ({"seed": -1}, r"seed \(-1\) must not be negative")],
)
def test_impossible_requests_are_named(
    generator: Generator, twelve_seconds: Path, arguments: dict[str, float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        generator.generate(twelve_seconds, **arguments)  # type: ignore[arg-type]


def test_a_file_that_is_no_film_is_refused(generator: Generator, tmp_path: Path) -> None:
    text = tmp_path / "film.mp4"
    text.write_text("no film")
    with pytest.raises(MediaError, match=r"film\.mp4 cannot be read as a video"):
        generator.generate(text)


@pytest.mark.parametrize("name", ["film.ts", "film.mkv"])
def test_curation_and_generation_see_the_same_frames_at_the_same_times(
    generator: Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "raw").mkdir()
    encoding = ["-c:v", "libx264", "-g", "150", "-bf", "3"]  # a seek in the transport stream lands a key frame late
    video = ramp_film(tmp_path / "raw" / name, 10.2, *encoding)
    lenient = CurationConfig(filters={"similarity": {"maximum": 2.0}, "vocals": {"policy": "keep"}}, backend="inline")
    manifest = curate(lenient, CLIP, tmp_path / "raw", tmp_path / "curated").manifest
    clips = [extract_clip(row, FeaturesConfig(), CLIP, generator.codec) for row in manifest.to_dict("records")]
    seen: dict[float, np.ndarray] = {}

    def record(path: Path, **options: Any) -> np.ndarray:
        seen[options["start_s"]] = read_frames(path, **options)
        return seen[options["start_s"]]

    monkeypatch.setattr("vmas_pipeline.generator.read_frames", record)
    for start_s in manifest["start_s"]:
        generator.compose(video, [0], generator.window, start_s=start_s)
    assert manifest["start_s"].tolist() == [0.0, 5.0]
    for start_s, clip in zip(manifest["start_s"], clips, strict=True):
        assert np.array_equal(clip.frames, seen[start_s])
        moments = [int((start_s + index / CLIP.frame_rate) * 25 + 0.03) % 100 for index in range(48)]
        assert ramp_numbers(clip.frames) == moments


def test_a_saved_model_makes_the_same_music(generator: Generator, tmp_path: Path) -> None:
    folder, video = tmp_path / "models" / "vmas", film(tmp_path / "film.mp4", 0.4)
    generator.save(folder)
    generator.save(folder)  # replaces what is there
    loaded = Generator.load(folder)
    assert [entry.name for entry in folder.parent.iterdir()] == ["vmas"]
    assert (loaded.clip, loaded.sampling, loaded.training) == (CLIP, generator.sampling, {"steps": 0})
    assert np.array_equal(loaded.generate(video).waveform, generator.generate(video).waveform)


def _change(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_what_is_wrong_with_a_model_folder_is_named(generator: Generator, tmp_path: Path) -> None:
    folder = tmp_path / "vmas"
    with pytest.raises(ModelFolderError, match="vmas is not a folder"):
        Generator.load(folder)
    generator.save(folder)
    _change(folder, format=2)
    with pytest.raises(ModelFolderError, match="has format 2, this version reads 1"):
        Generator.load(folder)
    _change(folder, format=1, colour="blue")
    with pytest.raises(ModelFolderError, match="missing or unknown keys: colour"):
        Generator.load(folder)
    generator.save(folder)
    _change(folder, sampling={"top_k": 0})
    with pytest.raises(ModelFolderError, match=r"top_k \(0\) must be 1 or more"):
        Generator.load(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelFolderError, match=r"has no model\.safetensors"):
        Generator.load(folder)


def test_damaged_weights_are_refused(generator: Generator, tmp_path: Path) -> None:
    generator.save(tmp_path)
    weights = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    with pytest.raises(ModelFolderError, match="does not fit this version"):
        Generator.load(tmp_path)


def test_weights_of_8_bits_are_for_the_cpu(tmp_path: Path) -> None:
    tiny_generator().save(tmp_path / "model")
    assert Generator.load(tmp_path / "model", int8=True).int8 is not None
    with pytest.raises(ValueError, match="int8 weights are for the CPU, not for device cuda"):
        Generator.load(tmp_path / "model", device="cuda", int8=True)


def test_a_network_in_bfloat16_makes_finite_music_by_logits_near_those_of_float32(tmp_path: Path) -> None:
    tiny_generator().save(tmp_path / "model")
    exact, half = (Generator.load(tmp_path / "model", device="cpu", dtype=dtype) for dtype in ("fp32", "bf16"))
    conditions = Conditions.of_video(torch.randint(256, (1, 48, 32, 32, 3), dtype=torch.uint8))
    codes = torch.randint(256, (1, 4, 50), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        near, far = (made.model(conditions, codes).logits.float() for made in (half, exact))
    music = half.generate_clips(conditions, seeds=[0])
    assert half.model.music_decoder.norm.weight.dtype == torch.bfloat16
    assert half.codec.code_vectors.dtype == torch.float32
    assert 0 < (near - far).norm() / far.norm() < 0.03
    assert np.isfinite(music).all() and music.any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": "fp16"}, r"dtype \(fp16\) must be one of fp32, bf16"),
        ({"dtype": "bf16", "int8": True}, "int8 weights are rounded from fp32: leave out dtype bf16"),
    ],
)
def test_a_precision_that_the_network_has_not_is_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    tiny_generator().save(tmp_path / "model")
    with pytest.raises(ValueError, match=message):
        Generator.load(tmp_path / "model", device="cpu", **options)
