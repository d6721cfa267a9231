"""The queue: who gets which job, and what becomes of jobs whose workers end."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from vmas_pipeline.server import jobs
from vmas_pipeline.server.jobs import Job, JobQueue, State


@pytest.fixture
def queue(tmp_path: Path) -> JobQueue:
    return JobQueue(tmp_path / "queue.sqlite")


def job(name: str, **fields: Any) -> Job:
    values: dict[str, Any] = {
        **{"client": "c", "name": name, "model": "m", "options": {"candidates": 2}},
        **{"duration_s": 4.0, "width": 2, "height": 2, "bytes": 10},
    }
    return Job(id=name, **values | fields)


def test_jobs_are_taken_in_the_order_in_which_they_came(queue: JobQueue) -> None:
    for name in ("a", "b", "c"):
        queue.add(job(name))
    assert [claimed.id for _ in range(3) if (claimed := queue.claim("w", ["m"]))] == ["a", "b", "c"]
    assert queue.claim("w", ["m"]) is None


def test_a_worker_takes_only_jobs_for_models_that_it_holds(queue: JobQueue) -> None:
    queue.add(job("a", model="other"))
    queue.add(job("b"))
    claimed = queue.claim("w", ["m"])
    assert claimed is not None and claimed.id == "b"


def test_no_job_is_taken_twice_by_workers_that_ask_at_once(queue: JobQueue) -> None:
    for number in range(40):
        queue.add(job(str(number)))
    taken: list[str] = []

    def work(name: str) -> None:
        while claimed := queue.claim(name, ["m"]):
            taken.append(claimed.id)

    threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken, key=int) == [str(number) for number in range(40)]


def test_a_job_whose_worker_is_not_heard_of_is_queued_again_and_fails_the_second_time(
    queue: JobQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "LEASE_S", -1.0)  # ended as soon as it begins
    queue.add(job("a"))
    queue.claim("w", ["m"])
    queue.expire()
    again = queue.get("a")
    assert again is not None and (again.state, again.attempts, again.started_s) == (State.QUEUED, 1, None)
    queue.claim("w", ["m"])
    queue.expire()
    failed = queue.get("a")
    assert failed is not None and failed.state is State.FAILED
    assert "ended without a word, twice" in str(failed.reason)


def test_a_lease_that_is_renewed_lasts(queue: JobQueue) -> None:
    queue.add(job("a"))
    claimed = queue.claim("w", ["m"])
    assert claimed is not None and queue.beat(claimed, "compose", 3, 10)
    queue.expire()
    running = queue.get("a")
    assert running is not None and (running.state, running.stage, running.done) == (State.RUNNING, "compose", 3)


def test_the_job_of_a_worker_that_is_known_to_have_ended_is_queued_at_once(queue: JobQueue) -> None:
    queue.add(job("a"))
    queue.claim("w", ["m"])
    queue.bury("other")
    assert queue.counts()["running"] == 1
    queue.bury("w")
    assert queue.counts()["queued"] == 1


@pytest.mark.parametrize("take_away", ["cancel", "delete"])
def test_a_job_is_taken_away_from_its_worker(queue: JobQueue, take_away: str) -> None:
    queue.add(job("a"))
    claimed = queue.claim("w", ["m"])
    assert claimed is not None
    assert getattr(queue, take_away)("a")
    assert not queue.beat(claimed, "compose", 1, 2)
    assert not queue.finish(claimed, "1", 99)
    assert not queue.fail(claimed, "late")
    after = queue.get("a")
    assert after is None if take_away == "delete" else after is not None and after.state is State.CANCELLED


def test_a_worker_that_lost_its_job_cannot_finish_the_next_attempt_of_it(queue: JobQueue) -> None:
    queue.add(job("a"))
    first = queue.claim("w", ["m"])
    assert first is not None
    queue.bury("w")
    second = queue.claim("w", ["m"])
    assert second is not None and not queue.finish(first, "1", 1) and queue.finish(second, "1", 1)


def test_a_job_that_is_given_back_was_not_tried(queue: JobQueue) -> None:
    queue.add(job("a"))
    for _ in range(3):
        claimed = queue.claim("w", ["m"])
        assert claimed is not None and claimed.attempts == 1
        queue.give_back(claimed)


def test_the_real_time_factor_is_that_of_jobs_that_are_done(queue: JobQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    assert queue.real_time_factor("m") is None
    for name, took_s in (("a", 4.0), ("b", 12.0)):  # of two takes of 4 s each
        queue.add(job(name))
        claimed = queue.claim("w", ["m"])
        assert claimed is not None
        now[0] += took_s
        queue.finish(claimed, "1", 1)
    assert queue.real_time_factor("m") == pytest.approx((4 + 12) / (2 * 4 * 2))


def test_what_ended_is_counted_also_after_it_is_deleted(queue: JobQueue) -> None:
    for name in ("a", "b"):
        queue.add(job(name))
        claimed = queue.claim("w", ["m"])
        assert claimed is not None and queue.finish(claimed, "1", 50)
        queue.delete(name)
    (totals,) = queue.totals()
    assert (totals["model"], totals["state"], totals["jobs"], totals["music_s"]) == ("m", "done", 2, 16.0)
    assert queue.disk_bytes() == 0


def test_a_queue_of_another_version_is_refused(queue: JobQueue) -> None:
    queue._connection.execute("PRAGMA user_version = 99")
    with pytest.raises(ValueError, match="has format 99, this version reads 1: give another --folder"):
        JobQueue(queue.path)
