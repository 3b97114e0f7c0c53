"""One suite, three queues: embedded on SQLite, embedded on PostgreSQL, and Procrastinate."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.postgres import PostgreSQL
from support.queues import Embedded, Procrastinating, QueueUnderTest

from hounsfield.daemon.queue.schema import shipped_schema
from hounsfield.storage.engine import Database, default_url, upgrade
from hounsfield.storage.queue_schema import install

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def queue_template(postgresql_cluster: PostgreSQL) -> str:
    url = postgresql_cluster.create_database("queue_template")
    upgrade(url)
    install(url, shipped_schema())
    return "queue_template"


@pytest.fixture
def queue_url(postgresql_cluster: PostgreSQL, queue_template: str) -> Iterator[str]:
    name = f"queue_{next(_numbers)}"
    yield postgresql_cluster.create_database(name, template=queue_template)
    postgresql_cluster.drop_database(name)


@pytest.fixture
def procrastinating(queue_url: str, tmp_path: Path) -> Procrastinating:
    return Procrastinating(queue_url, tmp_path)


@pytest.fixture(params=["embedded-sqlite", "embedded-postgresql", "procrastinate"])
def queue(request: pytest.FixtureRequest, tmp_path: Path) -> QueueUnderTest:
    if request.param == "embedded-sqlite":
        return Embedded(default_url(tmp_path), tmp_path)
    url: str = request.getfixturevalue("queue_url")
    return Embedded(url, tmp_path) if request.param == "embedded-postgresql" else Procrastinating(url, tmp_path)


@pytest.fixture
def database(queue: QueueUnderTest) -> Iterator[Database]:
    opened = queue.open()
    yield opened
    opened.close()
