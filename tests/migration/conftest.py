"""A filled site in SQLite and in PostgreSQL, made once and copied for each test."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.filled_tables import fill_site
from support.postgres import PostgreSQL
from support.quick_starts import run_migrations
from support.revisions import downgrade

from hounsfield.storage import schema
from hounsfield.storage.copying import copy_site
from hounsfield.storage.engine import default_url, upgrade
from hounsfield.storage.schema import copy_sqlite


@pytest.fixture(autouse=True)
def _whole_history(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here the migrations themselves are tested."""
    monkeypatch.setattr(schema, "run_migrations", run_migrations)


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of a site with rows in every table."""
    home = tmp_path_factory.mktemp("site")
    fill_site(home)
    return home / "hounsfield.db"


@pytest.fixture(scope="session")
def template(postgresql_cluster: PostgreSQL) -> Iterator[str]:
    """The name of an empty database at the newest schema."""
    upgrade(postgresql_cluster.create_database("at_head"))
    yield "at_head"
    postgresql_cluster.drop_database("at_head")


@pytest.fixture(scope="session")
def filled_server(filled: Path, template: str, postgresql_cluster: PostgreSQL) -> Iterator[str]:
    """The name of a database on the server that holds the site."""
    url = postgresql_cluster.create_database("filled", template)
    copy_site(f"sqlite:///{filled}", url, now=datetime.now(UTC), person="")
    yield "filled"
    postgresql_cluster.drop_database("filled")


@pytest.fixture(params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a filled database of the test's own."""
    if request.param == "sqlite":
        home = tmp_path / "home"
        home.mkdir()
        copy_sqlite(request.getfixturevalue("filled"), home / "hounsfield.db")
        yield default_url(home)
        return
    cluster: PostgreSQL = request.getfixturevalue("postgresql_cluster")
    yield cluster.create_database("site", request.getfixturevalue("filled_server"))
    cluster.drop_database("site")


@pytest.fixture
def old_site(site: str) -> str:
    """The URL of a filled database at the first schema."""
    downgrade(site, "0001")
    return site
