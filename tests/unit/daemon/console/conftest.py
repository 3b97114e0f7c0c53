"""A database for each test, copied from one that was made once."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.fakes import ManualClock

from hounsfield.storage.engine import Database, default_url, open_database, upgrade


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("console")
    upgrade(default_url(folder))
    return folder / "hounsfield.db"


@pytest.fixture
def database(empty_database: Path, tmp_path: Path) -> Iterator[Database]:
    shutil.copy(empty_database, tmp_path / "hounsfield.db")
    opened = open_database(None, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()
