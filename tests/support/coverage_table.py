"""Says what the tests run of each folder: `make coverage`.

    python tests/support/coverage_table.py build/coverage/report.json

Reads what ``coverage json`` wrote; the exit status is 1 where less is covered than is asked for.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

WANTED = {"daemon": 90.0, "storage": 90.0, "model": 85.0}
"""Per cent of the branches."""
_SHOWN = 25
"""The modules with the most branches that no test takes."""


@dataclass(frozen=True, slots=True)
class Covered:
    """Lines and branches: all, and those that tests ran."""

    lines: int = 0
    lines_run: int = 0
    branches: int = 0
    branches_run: int = 0

    def __add__(self, other: "Covered") -> "Covered":
        return Covered(
            self.lines + other.lines,
            self.lines_run + other.lines_run,
            self.branches + other.branches,
            self.branches_run + other.branches_run,
        )

    @property
    def line_percent(self) -> float:
        """Share of lines."""
        return _percent(self.lines_run, self.lines)

    @property
    def branch_percent(self) -> float:
        """Share of branches."""
        return _percent(self.branches_run, self.branches)

    @property
    def missing(self) -> int:
        """What no test runs."""
        return self.lines - self.lines_run + self.branches - self.branches_run


def modules(report: Mapping[str, Mapping[str, Mapping[str, Mapping[str, int]]]]) -> dict[PurePath, Covered]:
    """Return what is covered of each module, by its path in the project."""
    found = {}
    for name, file in report["files"].items():
        numbers = file["summary"]
        found[PurePath(name)] = Covered(
            numbers["num_statements"], numbers["covered_lines"], numbers["num_branches"], numbers["covered_branches"]
        )
    return found


def folders(covered: Mapping[PurePath, Covered]) -> dict[str, Covered]:
    """Return the sums of the folders, of those that lie in one another each with its own modules only."""
    found: dict[str, Covered] = defaultdict(Covered)
    for path, one in covered.items():
        found[str(path.parent)] += one
    return dict(sorted(found.items()))


def totals(covered: Mapping[PurePath, Covered]) -> dict[str, Covered]:
    """Return the sums of the three packages."""
    found = dict.fromkeys(WANTED, Covered())
    for path, one in covered.items():
        found[path.parts[0]] += one
    return found


def short(sums: Mapping[str, Covered]) -> list[str]:
    """Return the packages of which less is covered than is asked for; one that was not measured at all is one."""
    return [name for name, wanted in WANTED.items() if not sums[name].branches or sums[name].branch_percent < wanted]


def table(covered: Mapping[PurePath, Covered]) -> Iterable[str]:
    """Yield the lines that people read."""
    yield f"{'':44}{'lines':>7}{'run':>8}{'branches':>10}{'run':>8}"
    for name, one in folders(covered).items():
        yield _line(name, one)
    yield ""
    sums = totals(covered)
    for name, one in sums.items():
        yield _line(name, one) + f"  wanted {WANTED[name]:g} %"
    yield ""
    yield "modules with the most that no test runs:"
    for path, one in sorted(covered.items(), key=lambda item: -item[1].missing)[:_SHOWN]:
        yield _line(str(path), one)
    if missed := short(sums):
        yield f"less than is wanted: {', '.join(missed)}"


def main(arguments: Sequence[str]) -> int:
    """Return the exit status."""
    covered = modules(json.loads(Path(arguments[0]).read_text()))
    print("\n".join(table(covered)))
    return 1 if short(totals(covered)) else 0


def _line(name: str, one: Covered) -> str:
    return f"{name:44}{one.lines:7}{one.line_percent:7.1f}%{one.branches:10}{one.branch_percent:7.1f}%"


def _percent(part: int, whole: int) -> float:
    return 100.0 * part / whole if whole else 100.0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
