"""A study's SQLite database. Every change is one transaction, on disk when the call returns."""

import hashlib
import json
import random
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from vmas_pipeline.study.assign import Given, assign
from vmas_pipeline.study.config import CHOICES, QUESTIONS, StudyConfig
from vmas_pipeline.study.items import Item

TONES = (3, 4, 5, 6)
"""How many tones the sound check may play."""

MEDIA = "media"
DATABASE = "study.db"

_WAIT_S = 20.0
_OPEN_S = 24 * 3600.0
"""Unanswered trials of a rater who began longer ago count as not given."""
_LEAST_SHARE = 0.9
"""Of both videos' length, which must pass between a trial and its answer; clocks and players are not exact."""


class UnknownRater(ValueError):
    """No rater has this link."""


class Refused(ValueError):
    """The study's rules forbid it now."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """The pair that a rater sees now; the names of its two files say nothing about their music."""

    id: int
    position: int  # from 1
    left: str
    right: str


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a rater is; without a trial, all are answered."""

    tones: int
    sound_heard: bool
    answered: int
    trials: int
    trial: Trial | None


class Store:
    """The database of one study, opened for each call; any number of processes may use it.

    Args:
        folder: of the study.
        clock: seconds since 1970.

    Raises:
        ValueError: the folder holds no study.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self.folder, self.clock = folder, clock
        if not (folder / DATABASE).is_file():
            raise ValueError(f"{folder} holds no study: make one with `vmas study create NAME --systems A,B`")
        with self._connected() as database:
            self.about: dict[str, Any] = {
                key: json.loads(value) for key, value in database.execute("SELECT key, value FROM about")
            }
            names = [field.name for field in fields(Item)]
            rows = database.execute(f"SELECT {', '.join(names)} FROM item ORDER BY number").fetchall()
        self.items = {row[0]: Item(**dict(zip(names, row, strict=True))) for row in rows}
        self.config = StudyConfig(**self.about["config"])

    @staticmethod
    def create(path: Path, about: Mapping[str, Any], items: Sequence[Item]) -> None:
        """Write a new database; `about` holds the config and whatever else tells what the study is made of."""
        with closing(sqlite3.connect(path)) as database, database:
            database.executescript((Path(__file__).with_name("schema.sql")).read_text())
            database.executemany("INSERT INTO about VALUES (?, ?)", [(k, json.dumps(v)) for k, v in about.items()])
            rows = [tuple(asdict(item).values()) for item in items]
            database.executemany("INSERT INTO item VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def invite(self, count: int) -> list[str]:
        """Tokens of raters who have not come yet; they are not kept and cannot be told again."""
        tokens = [secrets.token_urlsafe(16) for _ in range(count)]
        with self._writing() as database:
            for token in tokens:
                self._add_rater(database, token)
        return tokens

    def start(self, token: str | None) -> str:
        """Give an invited rater, or with no token a new one, their trials; a second call changes nothing.

        Raises:
            UnknownRater: the token is none of this study's.
        """
        with self._writing() as database:
            if token is None:
                token = secrets.token_urlsafe(16)
                self._add_rater(database, token)
            query = "SELECT id, started_at FROM rater WHERE token_hash = ?"
            found = database.execute(query, (_hash(token),)).fetchone()
            if found is None:
                raise UnknownRater("this link belongs to nobody in this study: check that it is complete")
            if found[1] is None:
                self._give_trials(database, found[0])
        return token

    def raters(self) -> int:
        """Number of raters who have begun."""
        with self._connected() as database:
            return database.execute("SELECT count(*) FROM rater WHERE started_at IS NOT NULL").fetchone()[0]

    def progress(self, token: str) -> Progress:
        """Where the rater is; the clock of the trial shown starts with the first call that shows it.

        Raises:
            UnknownRater: no rater with this token has begun.
        """
        with self._writing() as database:
            rater, tones, heard = self._rater(database, token)
            query = "SELECT id, position, item, first_left, answered_at FROM trial WHERE rater = ? ORDER BY position"
            rows = database.execute(query, (rater,)).fetchall()
            waiting = [row for row in rows if row[4] is None] if heard else []
            if waiting:
                now = (self.clock(), waiting[0][0])
                database.execute("UPDATE trial SET shown_at = ? WHERE id = ? AND shown_at IS NULL", now)
        return Progress(
            tones=tones,
            sound_heard=bool(heard),
            answered=sum(row[4] is not None for row in rows),
            trials=len(rows),
            trial=self._trial(*waiting[0][:4]) if waiting else None,
        )

    def check_tones(self, token: str, tones: int) -> bool:
        """Whether the rater counted the tones of the sound check."""
        with self._writing() as database:
            rater, true, _ = self._rater(database, token)
            if tones == true:
                database.execute("UPDATE rater SET sound_heard = 1 WHERE id = ?", (rater,))
        return tones == true

    def answer(self, token: str, trial: int, choices: Mapping[str, str]) -> None:
        """Keep a rater's answers to one trial; the first ones stay, a repeated request changes nothing.

        Args:
            token: the rater's.
            trial: the one that `progress` showed.
            choices: an answer for each question.

        Raises:
            UnknownRater: no rater with this token has begun.
            Refused: not all questions, another trial than the one shown, or sooner than both videos last.
        """
        if set(choices) != set(QUESTIONS) or not set(choices.values()) <= set(CHOICES):
            raise Refused(f"answer each question ({', '.join(QUESTIONS)}) by one of {', '.join(CHOICES)}")
        with self._writing() as database:
            rater, _, _ = self._rater(database, token)
            query = "SELECT shown_at, answered_at FROM trial WHERE id = ? AND rater = ?"
            shown_at, answered_at = database.execute(query, (trial, rater)).fetchone() or (None, None)
            if answered_at is not None:
                return
            if shown_at is None:
                raise Refused(f"trial {trial} is not the one shown: reload the page")
            if self.clock() - shown_at < self.least_seconds:
                raise Refused("play both videos to their end first")
            database.execute("UPDATE trial SET answered_at = ? WHERE id = ?", (self.clock(), trial))
            database.executemany("INSERT INTO answer VALUES (?, ?, ?)", [(trial, q, c) for q, c in choices.items()])

    @property
    def least_seconds(self) -> float:
        """Least time between a trial and its answer."""
        return _LEAST_SHARE * 2 * float(self.about["duration_s"])

    def forget(self, token: str) -> None:
        """Delete a rater with all answers.

        Raises:
            UnknownRater: no rater with this token has begun.
        """
        with self._writing() as database:
            rater, _, _ = self._rater(database, token)
            database.execute("DELETE FROM rater WHERE id = ?", (rater,))

    def answers(self) -> list[dict[str, Any]]:
        """All answers without personal data: a row for each trial and question, see `answers.COLUMNS`."""
        query = (
            "SELECT r.token_hash, t.position, t.item, t.first_left, t.answered_at - t.shown_at, a.question, a.choice "
            "FROM answer a JOIN trial t ON t.id = a.trial JOIN rater r ON r.id = t.rater "
            "ORDER BY r.token_hash, t.position, a.question"
        )
        with self._connected() as database:
            rows = database.execute(query).fetchall()
        numbers: dict[str, int] = {}  # in the order of the hashes, which is random: not that in which people came
        return [
            {
                "rater": numbers.setdefault(rater, len(numbers) + 1),
                "position": position,
                "item": item,
                "check": self.items[item].is_check,
                **{name: getattr(self.items[item], name) for name in ("clip_id", "film", "first", "second")},
                "first_left": first_left,
                "question": question,
                "answer": {"neither": "neither", "left" if first_left else "right": "first"}.get(choice, "second"),
                "seconds": round(seconds),
            }
            for rater, position, item, first_left, seconds, question, choice in rows
        ]

    def _add_rater(self, database: sqlite3.Connection, token: str) -> None:
        values = (_hash(token), secrets.choice(TONES))
        database.execute("INSERT INTO rater (token_hash, tones) VALUES (?, ?)", values)

    def _give_trials(self, database: sqlite3.Connection, rater: int) -> None:
        query = (
            "SELECT t.item, count(*), sum(t.first_left) FROM trial t JOIN rater r ON r.id = t.rater "
            "WHERE t.answered_at IS NOT NULL OR r.started_at > ? GROUP BY t.item"
        )
        counted = database.execute(query, (self.clock() - _OPEN_S,))
        given = {item: Given(times=times, first_left=first_left) for item, times, first_left in counted}
        rng = random.Random(f"{self.config.seed}-{rater}")
        trials = assign(list(self.items.values()), given, self.config.per_rater, self.config.checks, rng)
        rows = [(rater, position, trial.item, trial.first_left) for position, trial in enumerate(trials, 1)]
        database.executemany("INSERT INTO trial (rater, position, item, first_left) VALUES (?, ?, ?, ?)", rows)
        database.execute("UPDATE rater SET started_at = ? WHERE id = ?", (self.clock(), rater))

    def _rater(self, database: sqlite3.Connection, token: str) -> tuple[int, int, int]:
        query = "SELECT id, tones, sound_heard FROM rater WHERE token_hash = ? AND started_at IS NOT NULL"
        found = database.execute(query, (_hash(token),)).fetchone()
        if found is None:
            raise UnknownRater("this link belongs to nobody who has begun: check that it is complete")
        return found

    def _trial(self, id: int, position: int, item: int, first_left: int) -> Trial:
        sides = (self.items[item].first_media, self.items[item].second_media)
        left, right = sides if first_left else sides[::-1]
        return Trial(id=id, position=position, left=left, right=right)

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.folder / DATABASE, timeout=_WAIT_S, isolation_level=None)) as database:
            database.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON")
            yield database

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._connected() as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
                database.execute("COMMIT")
            except BaseException:
                database.execute("ROLLBACK")
                raise


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
