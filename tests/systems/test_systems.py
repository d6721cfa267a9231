import numpy as np
import pytest
import soundfile

from vmas_pipeline.features.shards import read_clips, read_index
from vmas_pipeline.systems import load_system
from vmas_pipeline.systems.generate import generate_clips
from vmas_pipeline.systems.generated import Record

from ..tiny_model import CLIP
from ..world import GENERATION


def test_recordings_of_another_rate_and_length_become_clips(world, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for i, name in enumerate(read_index(world.features / "test")["clip_id"]):
        tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange((3 + i) * 32_000) / 32_000)
        soundfile.write(elsewhere / f"{name}.{'wav' if i % 2 else 'flac'}", tone, 32_000)
    system = load_system("recorded", elsewhere)
    out = generate_clips(GENERATION, CLIP, system, world.features, tmp_path / "out")
    record = Record.read(out)
    assert (record.system, record.sample_rate, len(record.compute_s)) == ("elsewhere", 32_000, 6)
    assert {soundfile.info(path).frames for path in out.glob("*.flac")} == {5 * 32_000}


def test_a_missing_recording_is_named(world, tmp_path):
    soundfile.write(tmp_path / "other.wav", np.zeros(100), 16_000)
    sample = next(read_clips(world.features / "test", read_index(world.features / "test")))
    with pytest.raises(ValueError, match=rf"has no {sample.clip_id}\.flac or \.wav: record it"):
        load_system("recorded", tmp_path).generate_clips([sample])


def test_the_codecs_answer_for_a_whole_video_is_its_own_sound(world):
    source = world.manifest["source_path"][0]
    music = load_system("codec", world.model / "codec").generate(source)
    assert 80_000 <= music.waveform.shape[1] < 81_000  # AAC ends with whole blocks
    assert np.abs(music.waveform).max() > 0.01


def test_our_revision_changes_with_the_weights(world, tmp_path):
    from ..tiny_model import tiny_generator

    tiny_generator(seed=1).save(tmp_path / "other")
    ours, again, other = (load_system("vmas", folder) for folder in (world.model, world.model, tmp_path / "other"))
    assert ours.revision == again.revision != other.revision


def test_sampling_may_differ_from_the_models_own(world):
    ours, greedy = load_system("vmas", world.model), load_system("vmas", world.model, sampling={"top_k": 1})
    assert greedy.generator.sampling.top_k == 1 and greedy.about()["sampling"]["top_k"] == 1
    assert greedy.revision != ours.revision
    with pytest.raises(ValueError, match="sampling has no top_q: choose among top_k, top_p, temperature, guidance"):
        load_system("vmas", world.model, sampling={"top_q": 1})


def test_an_unknown_system_is_refused_by_name():
    with pytest.raises(ValueError, match="system theremin is unknown: choose one of vmas, codec, recorded"):
        load_system("theremin", CLIP)
