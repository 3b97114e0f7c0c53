"""The tools that measure the tests: mutants of a module, and the table of what is covered."""

import json
from pathlib import Path, PurePath
from types import CodeType
from typing import Any

import pytest
from mutation.mutants import mutants
from mutation.targets import TARGETS, Target
from support.coverage_table import Covered, folders, main, modules, short, table, totals

SOURCE = '''
"""A docstring."""
from enum import Enum
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    LEFT_ALONE = 1
class State(Enum):
    """Another."""
    OPEN = "open"
    SHUT = "shut"
TABLE = {State.OPEN: 4, State.SHUT: 9}
def longer(value: int = 3) -> bool:
    log.warning("a line of the log", value=7)
    if value is None:
        raise ValueError("a text for people")
    return value > TABLE[State.OPEN] and value not in (5, 6)
'''


def changes(source: str = SOURCE) -> set[str]:
    return {f"{mutant.before} -> {mutant.after}" for mutant in mutants(source, "it.py")}


@pytest.mark.parametrize(
    "change",
    [
        "{State.OPEN: 4, State.SHUT: 9} -> {State.SHUT: 9}",
        "State.OPEN -> State.SHUT",
        "'open' -> 'XXopen'",
        "4 -> 5",
        "4 -> 3",
        "value is None -> value is not None",
        "value is None -> True",
        "value is None -> False",
        "raise ValueError('a text for people') -> pass",
        "value > TABLE[State.OPEN] -> value >= TABLE[State.OPEN]",
        "value > TABLE[State.OPEN] -> value <= TABLE[State.OPEN]",
        "value > TABLE[State.OPEN] and value not in (5, 6) -> value > TABLE[State.OPEN] or value not in (5, 6)",
        "value > TABLE[State.OPEN] and value not in (5, 6) -> value > TABLE[State.OPEN]",
        "value not in (5, 6) -> value in (5, 6)",
        "(5, 6) -> (6,)",
        "return value > TABLE[State.OPEN] and value not in (5, 6) -> return None",
        "3 -> 4",
    ],
)
def test_what_decides_is_changed_in_every_way(change: str) -> None:
    assert change in changes()


@pytest.mark.parametrize("words", ["docstring", "Another", "LEFT_ALONE", "XXa line", "XXa text", "7 ->", "int ->"])
def test_what_computes_nothing_is_left_alone(words: str) -> None:
    assert not [change for change in changes() if words in change]


def test_a_mutant_is_the_module_with_one_change_and_the_next_one_does_not_have_it() -> None:
    def value(code: CodeType) -> tuple[Any, Any]:
        names: dict[str, Any] = {}
        exec(code, names)
        return names["a"], names["b"]

    found = [value(mutant.code) for mutant in mutants("a = 1\nb = 2\n", "it.py")]
    assert found == [(2, 2), (1, 3), (1, 1)]


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.module)
def test_every_module_that_is_mutated_is_there_with_its_tests(target: Target) -> None:
    assert target.file.is_file()
    assert all(Path(path).exists() for path in target.test_paths)


def file_of(lines: int, lines_run: int, branches: int, branches_run: int) -> dict[str, dict[str, int]]:
    names = ("num_statements", "covered_lines", "num_branches", "covered_branches")
    return {"summary": dict(zip(names, (lines, lines_run, branches, branches_run), strict=True))}


REPORT = {
    "files": {
        "daemon/app.py": file_of(100, 90, 10, 10),
        "daemon/cli/run.py": file_of(50, 40, 10, 7),
        "storage/spool.py": file_of(10, 10, 2, 2),
        "model/bundle.py": file_of(10, 9, 100, 85),
    }
}


def test_what_is_covered_is_summed_by_folder_and_by_package() -> None:
    covered = modules(REPORT)
    assert covered[PurePath("daemon/app.py")] == Covered(100, 90, 10, 10)
    assert list(folders(covered)) == ["daemon", "daemon/cli", "model", "storage"]
    sums = totals(covered)
    assert sums["daemon"] == Covered(150, 130, 20, 17)
    assert [one.branch_percent for one in sums.values()] == [85, 100, 85]


def test_less_than_is_asked_for_is_told_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert short(totals(modules(REPORT))) == ["daemon"]
    assert list(table(modules(REPORT)))[-1] == "less than is wanted: daemon"
    report = tmp_path / "report.json"
    report.write_text(json.dumps(REPORT))
    assert main([str(report)]) == 1
    assert "wanted 90 %" in capsys.readouterr().out
    enough = {name: file for name, file in REPORT["files"].items() if name != "daemon/cli/run.py"}
    report.write_text(json.dumps({"files": enough}))
    assert main([str(report)]) == 0


def test_a_package_that_was_not_measured_is_not_covered(tmp_path: Path) -> None:
    without_storage = {name: file for name, file in REPORT["files"].items() if "storage" not in name}
    assert short(totals(modules({"files": without_storage}))) == ["daemon", "storage"]
    report = tmp_path / "report.json"
    report.write_text(json.dumps({"files": {}}))
    assert main([str(report)]) == 1
