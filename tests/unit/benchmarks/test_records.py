"""Figures, verdicts and sheets of benchmarks, and the run that collects them."""

import importlib.util
import json
from pathlib import Path

import pytest
from common import usage
from common.parts import PARTS, Part, Setup
from common.record import MET, MISSED, Figure, Report, Sheet, as_json, figure_sheet, markdown
from common.spread import Spread, shown, shown_spread

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"


def test_a_ratio_is_that_of_neighbours_in_the_same_round() -> None:
    # The machine was slow in the second round: both took ten times as long.
    assert Spread.ratio([1.0, 10.0, 1.2], [2.0, 20.0, 2.0]) == Spread(0.5, 0.5, 0.6)


def test_a_spread_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        Spread.of([])


@pytest.mark.parametrize(
    ("value", "text"),
    [(12345.6, "12,346"), (123.4, "123"), (12.34, "12.3"), (1.234, "1.23"), (0.0123, "0.012"), (0.0, "0.00")],
)
def test_a_number_has_the_digits_that_count(value: float, text: str) -> None:
    assert shown(value) == text


def test_a_spread_shows_its_ends_only_where_they_differ() -> None:
    assert shown_spread(Spread.of([1.0, 1.001])) == "1.00"
    assert shown_spread(Spread.of([1.0, 3.0, 2.0])) == "2.00 (1.00 to 3.00)"


@pytest.mark.parametrize(
    ("at_most", "ratio", "verdict"), [(True, 0.9, MET), (True, 1.1, MISSED), (False, 0.9, MISSED), (False, 1.1, MET)]
)
def test_a_target_is_about_the_ratio_where_there_is_one(at_most: bool, ratio: float, verdict: str) -> None:
    figure = Figure(what="x", ours=Spread.of([50.0]), ratio=Spread.of([ratio]), target=1.0, at_most=at_most)
    assert figure.verdict == verdict


def test_without_a_target_nothing_is_judged() -> None:
    assert Figure(what="x", ours=Spread.of([1.0])).verdict == ""


def test_what_was_written_shows_as_what_was_measured(tmp_path: Path) -> None:
    theirs = Spread.of([4.0])
    figure = Figure(
        what="x", unit="s", ours=Spread.of([2.0]), peer="other", theirs=theirs, ratio=Spread.of([0.5]), target=1
    )
    found = as_json(Report([Sheet("a", "A", ("k", "v"), [("1", "2")])], [figure], ["y"]).as_dict())
    row = ("x, s", "2.00", "other 4.00", "0.50", "at most 1", MET)
    assert figure_sheet(found["figures"]).rows == [row]
    assert found["failures"] == ["y"]


def test_a_row_has_a_cell_for_every_head() -> None:
    with pytest.raises(ValueError, match="1 cells under 2 heads"):
        Sheet("a", "A", ("k", "v")).add("1")


def test_a_cell_cannot_break_a_page() -> None:
    assert markdown(("a", "b"), [("x|y", "<b>")]).splitlines()[2] == "| x\\|y | &lt;b> |"


def test_peak_memory_of_a_process_is_at_least_what_it_holds() -> None:
    me = usage.processes(1)[0]
    assert me == 1
    held = bytearray(8 << 20)
    import os

    assert usage.memory_peak(os.getpid()) > len(held)


def test_parts_name_programs_that_are_there_and_each_once() -> None:
    assert all((BENCHMARKS / part.program).is_file() for part in PARTS)
    assert len({part.name for part in PARTS}) == len(PARTS)


def _runner() -> object:
    spec = importlib.util.spec_from_file_location("bench_run", BENCHMARKS / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _part(folder: Path, ends: str) -> Part:
    """A benchmark that counts its runs."""
    program = folder / "program.py"
    program.write_text(
        "import json, sys, pathlib\n"
        f"runs = pathlib.Path({str(folder / 'runs')!r})\n"
        "runs.write_text(str(int(runs.read_text()) + 1 if runs.exists() else 1))\n"
        f"{ends}\n"
        "pathlib.Path(sys.argv[sys.argv.index('--json') + 1]).write_text(\n"
        "    json.dumps({'sheets': [], 'figures': [], 'failures': []}))\n"
    )
    return Part(name="fake", title="Fake", program=str(program), minutes=0, quick=("--quickly",))


def test_a_part_that_was_done_is_not_repeated(tmp_path: Path) -> None:
    run, part, setup = _runner(), _part(tmp_path, ""), Setup(tmp_path, None)
    first = dict(run._run([part], setup, quick=False))
    again = dict(run._run([part], setup, quick=False))
    assert first == again
    assert (tmp_path / "runs").read_text() == "1"
    quick = dict(run._run([part], setup, quick=True))  # is something else
    assert quick["fake"]["command"].endswith("--quickly")
    assert (tmp_path / "runs").read_text() == "2"


def test_a_part_that_broke_off_is_tried_again(tmp_path: Path) -> None:
    run, part, setup = _runner(), _part(tmp_path, "sys.exit(3)"), Setup(tmp_path, None)
    assert dict(run._run([part], setup, quick=False)) == {}
    assert dict(run._run([_part(tmp_path, "")], setup, quick=False))["fake"]["failures"] == []
    assert json.loads((tmp_path / "fake.json").read_text())["command"].startswith("python ")
