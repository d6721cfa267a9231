"""A study through the command line, in a project that has what the flow makes."""

import pandas as pd
import pytest

from vmas_pipeline.command.main import main
from vmas_pipeline.study.answers import write_answers
from vmas_pipeline.study.simulation import Truth, simulated_answers, simulated_items
from vmas_pipeline.study.store import Store
from vmas_pipeline.systems.generated import Record

from ..study.material import make_clips, make_music
from ..tiny_model import tiny_generator

SIZE = ["--pairs", "3", "--per-rater", "2", "--checks", "1"]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The folders of a flow that has run."""
    data = tmp_path_factory.mktemp("project") / "data"
    for folder in ("02_curated", "03_features/test", "05_generated/codec"):
        (data / folder).mkdir(parents=True)
    clips = make_clips(data)
    clips.to_parquet(data / "02_curated" / "manifest.parquet")
    clips.to_parquet(data / "03_features" / "test" / "index.parquet")
    make_music(data / "05_generated", clips)
    measured = dict.fromkeys(clips["clip_id"], 0.0)
    record = Record(system="codec", revision="", seed=0, sample_rate=16_000, about={}, compute_s=measured)
    record.write(data / "05_generated" / "codec")
    tiny_generator().save(data / "04_models" / "vmas")
    return data


def study(*arguments):
    main(["study", *map(str, arguments)])


def test_a_study_is_made_exported_and_invited_to(project, tmp_path, capsys):
    about = tmp_path / "about.txt"
    about.write_text("We are the lab.\n")
    study("create", "first", "--systems", "ours,theirs", *SIZE, "--about", about, "--data", project)
    assert "first: 3 pairs, 2 attention checks" in capsys.readouterr().out
    store = Store(project / "09_studies" / "first")
    assert store.config.about == "We are the lab." and {item.first for item in store.items.values()} == {
        "ours",
        "true music",
    }
    study("invite", "first", "2", "--address", "https://study.example/", "--data", project)
    links = capsys.readouterr().out.split()
    assert len(set(links)) == 2 and all(link.startswith("https://study.example/#") for link in links)
    assert store.start(links[0].partition("#")[2])
    study("export", "first", "--out", tmp_path / "answers.csv", "--data", project)
    assert "answers.csv: 0 answers by 0 raters" in capsys.readouterr().out
    assert len(pd.read_csv(tmp_path / "answers.csv")) == 0
    next((store.folder / "media").glob("*.mp4")).unlink()
    with pytest.raises(SystemExit):
        study("serve", "first", "--data", project)
    assert "lacks 1 videos: run `vmas study create` again to complete it" in capsys.readouterr().err


def test_a_table_of_answers_is_analysed_anywhere(tmp_path, capsys):
    write_answers(tmp_path / "answers.csv", simulated_answers(Truth(advantage=2.0), simulated_items(20), 20, 6))
    study("analyse", tmp_path / "answers.csv")
    said = capsys.readouterr().out
    assert said.count("ours is preferred") == 2 and "20 of 20 raters kept" in said
    assert {path.name for path in (tmp_path / "answers").iterdir()} == {"figure.png", "preferences.csv", "report.html"}


def test_power_tells_raters_and_where_none_will_do(capsys):
    study("power", "--pairs", "50")
    lines = capsys.readouterr().out.splitlines()
    assert "50 videos, 10 pairs a rater" in lines[0]
    needed = {line.split()[0]: line.split()[1] for line in lines[1:]}
    assert needed["10%"] == "none" and int(needed["20%"]) > int(needed["40%"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["create", "../up", "--systems", "a,b"], "../up cannot name a study"),
        (["create", "new", "--systems", "a,b"], "no music by a: give a folder of <clip_id>.wav"),
        (["create", "new", "--systems", "ours,theirs", "--pairs", "500"], "have music for 5 clips, but 500 pairs"),
        (["create", "new", "--systems", "ours,theirs", "--lufs", "3"], "settings do not fit: lufs: Input should be"),
        (["serve", "absent"], "holds no study: make one with"),
        (["serve", "made", "--port", "70000"], "cannot listen on 127.0.0.1, port 70000"),
        (["analyse", "absent"], "holds no study: make one with"),
        (["analyse", "absent.csv"], "absent.csv"),
        (["export", "absent"], "--out"),
    ],
)
def test_what_cannot_be_done_is_one_line(arguments, message, project, capsys):
    if arguments[1] == "made":
        study("create", "made", "--systems", "ours,theirs", *SIZE, "--data", project)
        capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        study(*arguments, "--data", project)
    errors = capsys.readouterr().err
    assert ended.value.code == 2 and errors.count("\n") == 1 and message in errors
