"""How long tests take: measured with ``--write-durations`` and kept in tests/durations.txt.

Workers that share the suite begin with its longest modules, so that none is left alone with one at the end; the fast
part leaves out tests that have a line there (:mod:`support.fast_part`). What has none is quick, or new.
"""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest

FILE = Path(__file__).resolve().parents[1] / "durations.txt"
SLOW_SECONDS = 0.2
"""Tests and modules that take so long have a line."""
_HEAD = """\
# Seconds that modules take, and tests with all their parameters. Renewed, for what runs, by
# make test-only PYTEST_ARGS=--write-durations
"""

Durations = Mapping[str, float]
"""Seconds by node id: of modules, and of tests without their parameters."""


def module_of(nodeid: str) -> str:
    """Return the node id of the module of a test."""
    return nodeid.partition("::")[0]


def without_parameters(nodeid: str) -> str:
    """Return the node id of a test as one for all its parameters."""
    return nodeid.partition("[")[0]


def read(file: Path = FILE) -> Durations:
    """Return what was measured last; nothing where there is no file."""
    if not file.exists():
        return {}
    lines = (line.split(maxsplit=1) for line in file.read_text(encoding="utf-8").splitlines() if line[:1] != "#")
    return {nodeid: float(seconds) for seconds, nodeid in lines}


def longest_first(items: list[pytest.Item], durations: Durations) -> list[pytest.Item]:
    """Return the tests with the module first that takes longest; within a module nothing changes."""
    return sorted(items, key=lambda item: -durations.get(module_of(item.nodeid), 0.0))


class Recorder:
    """A plugin that measures what runs and renews the lines of its modules."""

    def __init__(self, file: Path = FILE) -> None:
        self._file = file
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add one phase of a test; what it sets up for others counts as its own."""
        for name in (module_of(report.nodeid), without_parameters(report.nodeid)):
            self._seconds[name] += report.duration

    def pytest_sessionfinish(self) -> None:
        """Write the file."""
        seen = {module_of(name) for name in self._seconds}
        others = {name: seconds for name, seconds in read(self._file).items() if module_of(name) not in seen}
        found = others | {name: seconds for name, seconds in self._seconds.items() if seconds >= SLOW_SECONDS}
        lines = (f"{seconds:7.1f} {name}\n" for name, seconds in sorted(found.items()))
        self._file.write_text(_HEAD + "".join(lines), encoding="utf-8")
