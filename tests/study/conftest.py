"""A small study, made once, and a copy of it for each test."""

import shutil

import pytest

from vmas_pipeline.study.config import StudyConfig
from vmas_pipeline.study.create import create_study, find_system
from vmas_pipeline.study.store import Store

from .material import make_clips, make_music

CONFIG = StudyConfig(pairs=3, per_rater=2, checks=1)


@pytest.fixture(scope="session")
def clips(tmp_path_factory):
    return make_clips(tmp_path_factory.mktemp("films"))


@pytest.fixture(scope="session")
def music(clips, tmp_path_factory):
    folder = tmp_path_factory.mktemp("music")
    make_music(folder, clips)
    return folder


@pytest.fixture(scope="session")
def make(clips, music):
    """A function that makes the study in a folder."""

    def made(folder, config=CONFIG, systems=("ours", "theirs")):
        return create_study(folder, config, [find_system(str(music / name), folder) for name in systems], clips, 1.0)

    return made


@pytest.fixture(scope="session")
def made_once(make, tmp_path_factory):
    return make(tmp_path_factory.mktemp("study") / "once").folder


@pytest.fixture
def study(made_once, tmp_path):
    """A study of one's own, with a clock that is set by hand."""
    folder = shutil.copytree(made_once, tmp_path / "study")
    store = Store(folder, clock=lambda: store.now)
    store.now = 1_700_000_000.0
    return store


@pytest.fixture
def rate():
    """A function that takes a rater through the rest of a study, by a rule from trial to choices."""

    def rated(store, token, choose, trials=None):
        store.check_tones(token, store.progress(token).tones)
        while (trial := store.progress(token).trial) and trials != 0:
            store.now += 10.4
            store.answer(token, trial.id, choose(trial))
            trials = trials and trials - 1

    return rated
