import os
import subprocess
import sys

import numpy as np
import pytest

from vmas_pipeline.audio.onsets import onset_times


def plucks(times, rate, seconds=4):
    t = np.arange(seconds * rate) / rate
    return sum(np.where(t >= s, np.exp(-8 * (t - s).clip(0)) * np.sin(2 * np.pi * 440 * (t - s)), 0) for s in times)


@pytest.mark.parametrize("rate", [16000, 32000, 44100])
def test_onsets_lie_within_20_ms_at_any_sample_rate(rate):
    times = [0.5, 1.25, 1.9, 3.0]
    found = onset_times(plucks(times, rate).astype(np.float32), rate)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, times, atol=0.02)


def test_the_same_waveform_gives_the_same_onsets():
    waveform = np.random.default_rng(0).normal(size=32000).astype(np.float32)
    np.testing.assert_array_equal(onset_times(waveform, 16000), onset_times(waveform, 16000))


@pytest.mark.parametrize("waveform", [np.zeros(0, np.float32), np.zeros(16000, np.float32), np.ones(10, np.float32)])
def test_silence_and_scraps_have_no_onsets(waveform):
    assert onset_times(waveform, 16000).shape == (0,)


@pytest.mark.flow
def test_two_processes_that_start_with_an_empty_kernel_cache_leave_a_sound_one(tmp_path):
    script = (
        "import numpy as np; from vmas_pipeline.audio.onsets import onset_times; "
        "print(onset_times(np.eye(1, 16000, 8000)[0], 16000))"
    )
    folders = [tmp_path / name for name in ("one", "other")]  # they share the cache, not the temporary files
    for folder in folders:
        folder.mkdir()
    runs = [
        {
            "args": [sys.executable, "-c", script],
            "env": {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache"), "TMPDIR": str(folder)},
        }
        for folder in folders
    ]
    together = [subprocess.Popen(**run, stdout=subprocess.PIPE, text=True) for run in runs]
    said = [process.communicate()[0] for process in together]
    reader = subprocess.run(**runs[0], capture_output=True, text=True)
    assert [process.returncode for process in together] + [reader.returncode] == [0, 0, 0]
    assert {*said, reader.stdout} == {said[0]}
