"""What `make test-fast` runs, and what it forbids."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from support.fast_part import NoTensorFlow, is_fast

MEASURED = {"tests/test_a.py": 90.0, "tests/test_a.py::test_slow": 0.4}


def item(
    *markers: str, fixtures: tuple[str, ...] = (), nodeid: str = "tests/test_a.py::test_new", **params: object
) -> pytest.Item:
    made = SimpleNamespace(
        nodeid=nodeid,
        get_closest_marker=lambda name: name if name in markers else None,
        fixturenames=fixtures,
        callspec=SimpleNamespace(params=params),
    )
    return cast(pytest.Item, made)


@pytest.mark.parametrize(
    ("given", "fast"),
    [
        (item(), True),
        (item("parametrize", fixtures=("tmp_path",), status=0, engine="sqlite"), True),
        (item("heavy"), False),
        (item("long"), False),
        (item("gpu"), False),
        (item(fixtures=("tmp_path", "postgresql_cluster")), False),
        (item(engine="postgresql"), False),
        (item(queue="embedded-postgresql"), False),
        (item(queue="procrastinate"), False),
        (item(nodeid="tests/test_a.py::test_slow"), False),
        (item(nodeid="tests/test_a.py::test_slow[one of many]"), False),
        (item(nodeid="tests/test_b.py::test_slow"), True),
    ],
)
def test_what_is_slow_or_needs_a_server_is_not_in_the_fast_part(given: pytest.Item, fast: bool) -> None:
    assert is_fast(given, MEASURED) is fast


def test_a_test_without_parameters_is_in_it() -> None:
    assert is_fast(cast(pytest.Item, SimpleNamespace(get_closest_marker=lambda _: None, nodeid="t.py::test")), {})


@pytest.mark.parametrize("name", ["tensorflow", "tensorflow.data", "keras.layers"])
def test_what_imports_tensorflow_in_the_fast_part_is_told_to_be_heavy(name: str) -> None:
    with pytest.raises(pytest.fail.Exception, match="heavy"):
        NoTensorFlow().find_spec(name, None)


@pytest.mark.parametrize("name", ["numpy", "tensorflow_like", "hounsfield.model.engines.tensorflow_engine"])
def test_other_modules_are_imported_as_ever(name: str) -> None:
    finder: Any = NoTensorFlow()
    assert finder.find_spec(name, None) is None
