"""A bench on a fresh home for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "home")
    yield made
    made.app.database.close()
