"""One suite, two engines: each test gets an empty database on SQLite and on a real PostgreSQL."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from support.postgres import PostgreSQL

from hounsfield.storage.engine import Database, default_url, open_database, upgrade
from hounsfield.storage.schema import HEAD
from hounsfield.storage.tables import metadata
from hounsfield.storage.transactions import make_engine, parse_url

ENGINES = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    upgrade(default_url(folder))
    return folder / "hounsfield.db"


@pytest.fixture(scope="session")
def postgresql_engine(postgresql_cluster: PostgreSQL) -> Iterator[Engine]:
    url = postgresql_cluster.create_database("hounsfield")
    upgrade(url)
    engine = make_engine(parse_url(url))
    yield engine
    engine.dispose()


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "hounsfield.db")
        return default_url(tmp_path)
    engine: Engine = request.getfixturevalue("postgresql_engine")
    names = ", ".join(metadata.tables)
    with engine.begin() as connection:  # emptying takes a tenth of the time of making a database
        connection.exec_driver_sql(f"TRUNCATE {names} RESTART IDENTITY")
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{HEAD}'")
    return engine.url.render_as_string(hide_password=False)


@pytest.fixture
def database(database_url: str, tmp_path: Path) -> Iterator[Database]:
    opened = open_database(database_url, tmp_path)
    yield opened
    opened.close()
