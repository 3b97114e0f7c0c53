"""One suite, two engines: each test gets an empty database on SQLite and on a real PostgreSQL."""

import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.peers import PostgreSQL

from hounsfield.storage.engine import Database, default_url, open_database, upgrade

ENGINES = ("sqlite", "postgresql")
TEMPLATE = "hounsfield_template"


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    upgrade(default_url(folder))
    return folder / "hounsfield.db"


@pytest.fixture(scope="session")
def postgresql_template(postgresql_cluster: PostgreSQL) -> PostgreSQL:
    upgrade(postgresql_cluster.create_database(TEMPLATE))
    return postgresql_cluster


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "hounsfield.db")
        yield default_url(tmp_path)
        return
    cluster: PostgreSQL = request.getfixturevalue("postgresql_template")
    name = "test_" + secrets.token_hex(8)
    yield cluster.create_database(name, TEMPLATE)
    cluster.drop_database(name)


@pytest.fixture
def database(database_url: str, tmp_path: Path) -> Iterator[Database]:
    opened = open_database(database_url, tmp_path)
    yield opened
    opened.close()
