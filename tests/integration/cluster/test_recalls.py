"""Taking results back on two hosts at once: one goes first, whatever locks their shared folder has."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.postgres import PostgreSQL

from hounsfield.daemon.app import Application, build
from hounsfield.daemon.config.settings import Settings
from hounsfield.storage import advisory_lock
from hounsfield.storage.engine import upgrade
from hounsfield.storage.errors import DatabaseUnavailable


@pytest.fixture
def hosts(postgresql_cluster: PostgreSQL, tmp_path: Path) -> Iterator[list[Application]]:
    url = postgresql_cluster.create_database("recalls")
    upgrade(url)
    folders = {name: {"home": str(tmp_path / name), "shared": str(tmp_path / "shared")} for name in ("one", "two")}
    made = [build(Settings.model_validate({"storage": {**folder, "database_url": url}})) for folder in folders.values()]
    yield made
    for application in made:
        application.database.close()
    postgresql_cluster.drop_database("recalls")


def test_one_person_of_all_hosts_takes_results_back_at_a_time(
    hosts: list[Application], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advisory_lock, "_WAIT", "50ms")
    first, second = hosts
    with (
        first.files.alone(),
        pytest.raises(DatabaseUnavailable, match="somebody else takes results back"),
        second.files.alone(),
    ):
        pass
    with second.files.alone():
        pass
