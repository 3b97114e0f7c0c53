"""Runs tests in a forked process in which one module is another: its mutant.

The process that forks has pytest and everything that others wrote already imported, but no module of the project; so a
trial costs the project's own imports and the tests.
"""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import CodeType, ModuleType

import pytest

_OPTIONS = ("-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--hypothesis-seed=0")
_OWN = ("hounsfield", "support", "mutation", "conftest", "test_", "tests", "__main__")


class Ending(Enum):
    """What became of a mutant."""

    KILLED = "killed"
    SURVIVED = "survived"
    LATE = "killed by its time"
    """The tests ran for many times as long as they should: the mutant does not end."""


@dataclass(frozen=True, slots=True)
class Changed:
    """The code that takes the place of a module's."""

    name: str
    file: Path
    code: CodeType


class Trial:
    """A process that runs tests on a mutant, or on the module as it is."""

    def __init__(self, tests: Sequence[str], changed: Changed | None, seconds: float) -> None:
        self._started = time.monotonic()
        self._deadline = self._started + seconds
        self.pid = _forked(lambda: _run_tests(tests, changed))

    def ending(self) -> Ending | None:
        """Return what became of the mutant; None while the tests run. Raises RuntimeError where none ran."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid == 0:
            return self._late() if time.monotonic() > self._deadline else None
        code = os.waitstatus_to_exitcode(status)
        if code in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED):
            raise RuntimeError(f"no tests ran: pytest ended with {code}")
        return Ending.SURVIVED if code == 0 else Ending.KILLED

    @property
    def seconds(self) -> float:
        """How long it has been running."""
        return time.monotonic() - self._started

    def _late(self) -> Ending:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        return Ending.LATE


def import_what_others_wrote(tests: Sequence[str]) -> None:
    """Import here what the tests import, but for the project itself, so that trials need not."""
    with tempfile.NamedTemporaryFile("w+") as names:

        def list_modules() -> int:
            pytest.main([*_OPTIONS, "--collect-only", *tests])
            Path(names.name).write_text("\n".join(sys.modules))
            return 0

        os.waitpid(_forked(list_modules), 0)
        wanted = names.read().split("\n")
    for name in wanted:
        if not name.startswith(_OWN):
            with suppress(ImportError, AttributeError, KeyError, ValueError):
                importlib.import_module(name)


def _forked(work: Callable[[], int]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.setsid()
        with Path(os.devnull).open("r+") as nothing:
            for descriptor in (0, 1, 2):
                os.dup2(nothing.fileno(), descriptor)
        code = work()
    finally:
        os._exit(code)


def _run_tests(tests: Sequence[str], changed: Changed | None) -> int:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = folder
        if changed is not None:
            sys.meta_path.insert(0, _Finder(changed))
        return int(pytest.main([*_OPTIONS, f"--basetemp={folder}/tests", *tests]))


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Answers for one module."""

    def __init__(self, changed: Changed) -> None:
        self._changed = changed

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._changed.name:
            return None
        return importlib.util.spec_from_file_location(fullname, self._changed.file, loader=self)

    def exec_module(self, module: ModuleType) -> None:
        exec(self._changed.code, module.__dict__)
