import numpy as np
import pytest

from vmas_pipeline.audio.onsets import match_times, onset_times
from vmas_pipeline.features.shards import read_clips, read_index
from vmas_pipeline.media import local
from vmas_pipeline.systems import load_system
from vmas_pipeline.systems.symbolic.notes import read_notes, score_of


@pytest.fixture(scope="module")
def samples(world):
    return list(read_clips(world.features / "test", read_index(world.features / "test")))


def elsewhere(world, folder, kept=0):
    """An index whose films, but for the first ones, lie where there is no score."""
    index = read_index(world.features / "test").reset_index(drop=True)
    index.loc[kept:, "source_path"] = [str(folder / f"{i}.mp4") for i in range(kept, len(index))]
    (folder / "test").mkdir()
    index.to_parquet(folder / "test" / "index.parquet")
    return folder


def test_the_score_is_heard_where_its_notes_are(world, samples):
    system = load_system("true_score", world.features)
    music = system.generate_clips(samples)
    assert music.shape == (6, 80_000) and music.dtype == np.float32
    apart, matched = [], 0
    for sound, sample in zip(music, samples, strict=True):
        heard = onset_times(sound, 16_000)
        starts = np.array([note.start_s for note in read_notes(score_of(sample.row))])
        apart += np.abs(heard[:, None] - starts).min(axis=1).tolist()
        matched += len(match_times(heard, sample.onsets_s, 0.1))
    assert np.median(apart) < 0.03
    assert matched >= 0.8 * sum(len(sample.onsets_s) for sample in samples)
    film = system.generate(local(samples[0].row["source_path"]), seconds=5.0)
    np.testing.assert_array_equal(film.waveform[0], music[0])


def test_a_film_without_a_score_is_left_out(world, samples, tmp_path):
    system = load_system("true_score", elsewhere(world, tmp_path, kept=1))
    assert [system.holds(sample.clip_id) for sample in samples] == [True, *[False] * 5]
    with pytest.raises(ValueError, match=r"film\.mp4 has no score: put film\.mid beside it"):
        system.generate(tmp_path / "film.mp4")


def test_without_any_score_the_way_out_is_named(world, tmp_path):
    with pytest.raises(ValueError, match=r"none of the 6 clips of .* has a score: put NAME\.mid beside each"):
        load_system("true_score", elsewhere(world, tmp_path))


def test_another_score_is_another_revision(world, samples, tmp_path):
    index = read_index(world.features / "test").iloc[:1]
    row = index.iloc[0].to_dict()
    (tmp_path / "test").mkdir()
    (tmp_path / "0.mid").write_bytes(score_of(row).read_bytes())
    index.assign(source_path=str(tmp_path / "0.mp4")).to_parquet(tmp_path / "test" / "index.parquet")
    before = load_system("true_score", tmp_path).revision
    (tmp_path / "0.mid").write_bytes(score_of(samples[3].row).read_bytes())
    assert load_system("true_score", tmp_path).revision != before


def test_what_is_no_midi_is_refused(tmp_path):
    (tmp_path / "a.mid").write_bytes(b"MThd")
    with pytest.raises(ValueError, match="is no MIDI file that can be read"):
        read_notes(tmp_path / "a.mid")
