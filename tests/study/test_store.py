import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest

from vmas_pipeline.study.store import DATABASE, Refused, Store, UnknownRater

NEITHER = {"quality": "neither", "synchronisation": "neither"}


def neither(trial):
    return NEITHER


def test_a_rater_goes_on_by_the_link_where_they_stopped(study, rate):
    token = study.start(None)
    rate(study, token, neither, trials=1)
    before = study.progress(token)
    again = Store(study.folder, clock=study.clock).progress(token)
    assert (again.answered, again.trial.position, again.trials) == (1, 2, 3) and again == before
    assert study.start(token) == token and study.progress(token) == before


def test_trials_begin_after_the_sound_check(study):
    token = study.start(None)
    tones = study.progress(token).tones
    assert study.progress(token).trial is None
    assert not study.check_tones(token, tones + 1) and study.progress(token).trial is None
    assert study.check_tones(token, tones) and study.progress(token).trial.position == 1


def test_an_answer_before_both_videos_could_be_played_is_refused(study):
    token = study.start(None)
    study.check_tones(token, study.progress(token).tones)
    trial = study.progress(token).trial
    study.now += 1.5
    with pytest.raises(Refused, match="play both videos to their end first"):
        study.answer(token, trial.id, NEITHER)
    study.now += 0.5
    study.answer(token, trial.id, NEITHER)
    assert study.progress(token).answered == 1


def test_the_first_answer_stays_and_other_trials_are_refused(study):
    token, other = study.start(None), study.start(None)
    study.check_tones(token, study.progress(token).tones)
    trial = study.progress(token).trial
    study.now += 10
    study.answer(token, trial.id, NEITHER)
    study.answer(token, trial.id, {"quality": "left", "synchronisation": "left"})
    assert {row["answer"] for row in study.answers()} == {"neither"} and len(study.answers()) == 2
    for refused in (trial.id + 2, 10_000):
        with pytest.raises(Refused, match=f"trial {refused} is not the one shown"):
            study.answer(token, refused, NEITHER)
    with pytest.raises(Refused, match=f"trial {trial.id} is not the one shown"):
        study.answer(other, trial.id, NEITHER)
    with pytest.raises(Refused, match="answer each question"):
        study.answer(token, trial.id, {"quality": "left"})


def test_sides_are_turned_back_into_systems(study, rate):
    media = {name: item for item in study.items.values() for name in (item.first_media, item.second_media)}

    def prefer_first(trial):
        side = "left" if trial.left == media[trial.left].first_media else "right"
        return {"quality": side, "synchronisation": {"left": "right", "right": "left"}[side]}

    for _ in range(4):
        rate(study, study.start(None), prefer_first)
    rows = study.answers()
    assert {(row["question"], row["answer"]) for row in rows} == {("quality", "first"), ("synchronisation", "second")}
    assert {row["first_left"] for row in rows} == {0, 1} and {row["seconds"] for row in rows} == {10}


def test_a_rater_can_have_all_deleted(study, rate):
    kept, gone = study.start(None), study.start(None)
    for token in (kept, gone):
        rate(study, token, neither)
    study.forget(gone)
    assert len(study.answers()) == 6 and study.raters() == 1
    with pytest.raises(UnknownRater):
        study.progress(gone)


def test_invited_raters_get_their_pairs_when_they_come(study):
    tokens = study.invite(3)
    assert study.raters() == 0 and len(set(tokens)) == 3
    with pytest.raises(UnknownRater, match="belongs to nobody who has begun"):
        study.progress(tokens[0])
    study.start(tokens[0])
    assert study.raters() == 1 and study.progress(tokens[0]).trials == 3
    with pytest.raises(UnknownRater, match="belongs to nobody in this study"):
        study.start("guessed")


def test_neither_links_nor_anything_else_of_a_rater_is_stored(study):
    token = study.start(None)
    with sqlite3.connect(study.folder / DATABASE) as database:
        dump = "\n".join(database.iterdump())
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert token not in dump and len(token) >= 22


def test_pairs_of_raters_who_left_long_ago_are_given_again(study):
    def given():
        with sqlite3.connect(study.folder / DATABASE) as database:
            query = "SELECT item, count(*) FROM trial GROUP BY item ORDER BY item"
            return {item: times for item, times in database.execute(query) if not study.items[item].is_check}

    for _ in range(3):
        study.start(None)
    assert set(given().values()) == {2}
    study.now += 2 * 24 * 3600
    for _ in range(3):
        study.start(None)
    assert set(given().values()) == {4}


def test_raters_who_start_at_once_still_share_the_pairs(study):
    stores = [Store(study.folder) for _ in range(3)]
    with ThreadPoolExecutor(6) as pool:
        tokens = list(pool.map(lambda i: stores[i % 3].start(None), range(12)))
    assert len(set(tokens)) == 12
    with sqlite3.connect(study.folder / DATABASE) as database:
        rows = database.execute("SELECT item, count(*), sum(first_left) FROM trial GROUP BY item").fetchall()
    assert {times for item, times, _ in rows if not study.items[item].is_check} == {8}
    assert all(abs(2 * left - times) <= 2 for item, times, left in rows if not study.items[item].is_check)


def test_a_folder_without_a_study_says_how_to_make_one(tmp_path):
    with pytest.raises(ValueError, match="holds no study: make one with `vmas study create NAME --systems A,B`"):
        Store(tmp_path)
