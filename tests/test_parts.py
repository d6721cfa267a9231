"""Parts keep their names whatever comes and goes."""

import pytest

from vmas_pipeline.parts import freeze


def test_what_is_new_forms_parts_of_its_own_wherever_it_sorts(tmp_path):
    assert freeze(tmp_path, ["b", "c", "d", "e"], 3) == {0: ["b", "c", "d"], 1: ["e"]}
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert freeze(tmp_path, ["a", "b", "d", "e", "f"], 3) == {0: ["b", "d"], 1: ["e"], 2: ["a", "f"]}
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


def test_what_was_gone_comes_back_to_its_part(tmp_path):
    freeze(tmp_path, ["a", "b", "c"], 2)
    assert freeze(tmp_path, ["b"], 2) == {0: ["b"]}
    assert freeze(tmp_path, ["c", "b", "a"], 1) == {0: ["a", "b"], 1: ["c"]}


def test_names_of_any_bytes_are_kept(tmp_path):
    names = ['with "quotes" and\nlines', "\udcff", "ü"]
    freeze(tmp_path, names, 2)
    assert freeze(tmp_path, names, 2) == {0: names[:2], 1: names[2:]}


def test_a_damaged_file_is_named_with_the_way_out(tmp_path):
    freeze(tmp_path, ["a"], 1)
    (tmp_path / "000000.json").write_text("[1,")
    with pytest.raises(ValueError, match=r"000000.json is no list of names: remove its folder"):
        freeze(tmp_path, ["a"], 1)
