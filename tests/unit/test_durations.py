"""What tests took, kept in a file: which modules begin, and how its lines are renewed."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from support.durations import FILE, Recorder, longest_first, read


def item(nodeid: str) -> pytest.Item:
    return cast(pytest.Item, SimpleNamespace(nodeid=nodeid))


def record(file: Path, *phases: tuple[str, float]) -> None:
    recorder = Recorder(file)
    for nodeid, seconds in phases:
        recorder.pytest_runtest_logreport(cast(pytest.TestReport, SimpleNamespace(nodeid=nodeid, duration=seconds)))
    recorder.pytest_sessionfinish()


def test_the_longest_module_begins_and_tests_stay_together_in_their_order() -> None:
    names = ["a.py::test_2", "a.py::test_1", "new.py::test", "b.py::test_1[x y]", "b.py::test_0"]
    ordered = longest_first([item(name) for name in names], {"b.py": 3.0, "a.py": 2.0, "a.py::test_1": 9.0})
    assert [one.nodeid for one in ordered] == [*names[3:], *names[:3]]


def test_phases_and_parameters_are_added_up_and_what_is_quick_has_no_line(tmp_path: Path) -> None:
    file = tmp_path / "durations.txt"
    record(file, ("a.py::test[1 2]", 0.2), ("a.py::test[1 2]", 1.0), ("a.py::test[b]", 0.5), ("a.py::test_quick", 0.1))
    assert read(file) == {"a.py": 1.8, "a.py::test": 1.7}


def test_only_lines_of_modules_that_ran_are_renewed(tmp_path: Path) -> None:
    file = tmp_path / "durations.txt"
    record(file, ("a.py::test_gone", 1.0), ("b.py::test", 2.0))
    record(file, ("a.py::test_new", 3.0))
    assert read(file) == {"a.py": 3.0, "a.py::test_new": 3.0, "b.py": 2.0, "b.py::test": 2.0}


def test_without_a_file_nothing_is_known(tmp_path: Path) -> None:
    assert read(tmp_path / "durations.txt") == {}


def test_the_file_that_is_kept_can_be_read() -> None:
    assert read(FILE)
