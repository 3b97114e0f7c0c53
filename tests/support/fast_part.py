"""The fast part of the suite: `make test-fast`, what one runs after every change.

It leaves out what is marked ``long`` or ``heavy``, what asks for a database server, and what was slow when it was
measured last (:mod:`support.durations`). So that it stays fast, nothing in it may import TensorFlow: that costs ten
seconds and more.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType

import pytest
from support.durations import Durations, without_parameters

MARKERS = ("long", "heavy", "gpu")
SERVERS = ("postgresql", "procrastinate")
"""How parameters that need a database server end."""


def is_fast(item: pytest.Item, durations: Durations) -> bool:
    """Whether a test belongs to the fast part."""
    if any(item.get_closest_marker(name) for name in MARKERS):
        return False
    if without_parameters(item.nodeid) in durations:
        return False
    if "postgresql_cluster" in getattr(item, "fixturenames", ()):
        return False
    callspec = getattr(item, "callspec", None)
    return callspec is None or not any(str(value).endswith(SERVERS) for value in callspec.params.values())


class NoTensorFlow(MetaPathFinder):
    """Fails the test that imports it."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        if fullname.partition(".")[0] in ("tensorflow", "keras"):
            pytest.fail("the fast part of the suite imports no TensorFlow: mark this test `heavy`", pytrace=True)


def forbid_tensorflow() -> None:
    """Fail whatever imports it in this process from now on."""
    sys.meta_path.insert(0, NoTensorFlow())
