"""Foreign files are opened in a process of its own, which may die or hang."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from vmas_pipeline.media import Limits, MediaError, measure, probe, read_audio
from vmas_pipeline.media import worker as workers
from vmas_pipeline.media.worker import in_worker

from .conftest import ffmpeg, ramp_film

# What a file could make FFmpeg do. The worker imports this file by its place.
HOSTILE = """\
import os, sys, time
from vmas_pipeline.media.worker import in_worker
@in_worker
def crash(path, limits=None): os.abort()
@in_worker
def hang(path, limits=None): time.sleep(600)
@in_worker
def fail(path): raise KeyError("ours")
@in_worker
def process(path): return os.getpid()
@in_worker
def memory(path): return len(bytearray(64 * 1024**3))
"""


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "hostile.py").write_text(HOSTILE)
    monkeypatch.syspath_prepend(tmp_path)
    for worker in workers._idle:
        worker.end()
    workers._idle.clear()
    import importlib

    sys.modules.pop("hostile", None)
    return importlib.import_module("hostile")


def test_a_crash_is_an_error_that_names_the_file_and_the_next_call_works(hostile) -> None:
    with pytest.raises(MediaError, match=r"film\.mp4 ended the process that read it \(status -6\)") as caught:
        hostile.crash("film.mp4")
    assert caught.value.reason == "crash"
    assert hostile.process("film.mp4") not in (0, os.getpid())


def test_a_hang_is_cut_off(hostile) -> None:
    started = time.monotonic()
    with pytest.raises(MediaError, match=r"film\.mp4 was being read for more than 0\.5 s") as caught:
        hostile.hang("film.mp4", limits=Limits(timeout_s=0.5))
    assert caught.value.reason == "timeout"
    assert time.monotonic() - started < 30


def test_a_process_is_kept_for_the_next_call_and_each_thread_has_its_own(hostile) -> None:
    assert hostile.process("a") == hostile.process("b")
    barrier, found = threading.Barrier(2), []

    def call() -> None:
        barrier.wait()
        found.append(hostile.process("c"))

    threads = [threading.Thread(target=call) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2 and os.getpid() not in found


def test_faults_of_ours_come_through_with_their_place(hostile) -> None:
    with pytest.raises(KeyError, match="ours") as caught:
        hostile.fail("film.mp4")
    assert "hostile.py" in caught.value.__notes__[0]


def test_memory_is_bounded(hostile) -> None:
    with pytest.raises(MemoryError):
        hostile.memory("film.mp4")


def test_a_script_without_a_main_guard_reads_videos(tmp_path: Path) -> None:
    film = ramp_film(tmp_path / "film.mp4", 0.4, "-c:v", "libx264")
    script = tmp_path / "script.py"
    script.write_text(f"from vmas_pipeline.media import probe\nprint(probe({str(film)!r}).width)\n")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == ("64\n", "")


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_worker_outlives_its_caller(tmp_path: Path, end: signal.Signals) -> None:
    (tmp_path / "hostile.py").write_text(HOSTILE)
    script = "import hostile, threading\nprint(hostile.process('a'), flush=True)\nhostile.hang('film.mp4')"
    process = subprocess.Popen(
        [sys.executable, "-c", script], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    worker = int(process.stdout.readline())
    process.send_signal(end)
    process.wait(30)
    for _ in range(300):
        if not Path(f"/proc/{worker}").exists() or "Z" in Path(f"/proc/{worker}/stat").read_text().split()[2]:
            return
        time.sleep(0.1)
    raise AssertionError(f"worker {worker} goes on")


def test_sound_in_an_order_of_channels_that_is_not_ffmpegs_own_is_read(tmp_path: Path) -> None:
    """PyAV 18 frees such a layout twice and the process ends: such a video crashed curation and servers."""
    path = tmp_path / "film.mov"
    sources = ["-f", "lavfi", "-i", "testsrc2=s=64x48:d=1", "-f", "lavfi", "-i", "sine=d=1"]
    ffmpeg(*sources, "-ac", 8, "-ar", 48_000, "-c:a", "pcm_s16le", path)
    info = probe(path)
    assert (info.channels, info.audio_codec) == (8, "pcm_s16le")
    assert measure(path).duration_s == pytest.approx(1.0)
    assert np.abs(read_audio(path, sample_rate=16_000)).max() > 0.01


def test_a_forked_process_has_workers_of_its_own(hostile) -> None:
    ours = hostile.process("a")
    read, write = os.pipe()
    if not os.fork():
        os.write(write, str(hostile.process("b")).encode())
        os._exit(0)
    theirs = int(os.read(read, 20))
    assert theirs != ours == hostile.process("c")


def test_within_a_worker_functions_call_each_other_directly(hostile) -> None:
    assert in_worker(os.path.basename).__name__ == "basename"
