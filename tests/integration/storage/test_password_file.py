"""The password of a database comes from libpq's service file, as containers get it: deploy/docker/make-secrets.sh."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from support.postgres import PostgreSQL
from support.waiting import wait_until

from hounsfield.storage import engine
from hounsfield.storage.errors import DatabaseUnavailable
from hounsfield.storage.queue_schema import connection_arguments

ROOT = Path(__file__).resolve().parents[3]
DATABASE, USER = "behind_a_password", "hounsfield_with_password"


def is_refused(url: str) -> bool:
    try:
        engine.check(url)
    except DatabaseUnavailable:
        return True
    return False


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    folder = tmp_path / "secrets"
    subprocess.run([ROOT / "deploy" / "docker" / "make-secrets.sh", folder], capture_output=True, check=True)
    return folder


@pytest.fixture
def url(postgresql_cluster: PostgreSQL, secrets: Path) -> Iterator[str]:
    """A database that its user reaches by the password of ``secrets`` only."""
    password = (secrets / "postgres_password").read_text()
    rules = Path(postgresql_cluster.execute("SHOW hba_file").strip())
    usual = rules.read_text()
    rules.write_text(f"host all {USER} 127.0.0.1/32 scram-sha-256\n{usual}")
    postgresql_cluster.execute(f"CREATE ROLE {USER} LOGIN PASSWORD '{password}'")
    postgresql_cluster.execute(f"CREATE DATABASE {DATABASE} OWNER {USER} TEMPLATE template0")
    postgresql_cluster.execute("SELECT pg_reload_conf()")
    plain = f"postgresql://{USER}@127.0.0.1:{postgresql_cluster.port}/{DATABASE}"
    wait_until(lambda: is_refused(plain), 10)  # until the server has read its rules anew
    yield f"{plain}?service=hounsfield"
    postgresql_cluster.drop_database(DATABASE)
    postgresql_cluster.execute(f"DROP ROLE {USER}")
    rules.write_text(usual)
    postgresql_cluster.execute("SELECT pg_reload_conf()")


def test_a_service_file_gives_the_password_to_every_connection_of_ours(
    url: str, secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGSERVICEFILE", str(secrets / "pg_service.conf"))
    monkeypatch.delenv("PGPASSFILE", raising=False)
    current, needed = engine.check(url)
    assert current != needed, "an empty database answers"
    with psycopg.connect(**connection_arguments(url)) as listener:  # as the queue listens
        assert listener.execute("SELECT current_user").fetchone() == (USER,)


def test_a_wrong_password_is_refused(url: str, secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = secrets / "wrong.conf"
    wrong.write_text("[hounsfield]\npassword=replace-me-in-your-overlay\n")
    monkeypatch.setenv("PGSERVICEFILE", str(wrong))
    assert is_refused(url)
