"""`hounsfield db copy`: what is told, and refused before anything is touched."""

from hashlib import sha256
from pathlib import Path

import pytest
from support.joblog import Log
from support.postgres import PostgreSQL

from hounsfield.storage.engine import upgrade
from hounsfield.storage.spool import Spool


@pytest.fixture
def log(tmp_path: Path) -> Log:
    filled = Log(tmp_path / "home")
    Spool(filled.home / "spool").prepare()
    return filled


def files(folder: Path) -> dict[Path, str]:
    """Return the files of a spool but for its lock, with what is in them."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != "lock")
    return {path: sha256(path.read_bytes()).hexdigest() for path in found}


def test_a_site_is_copied_and_lists_the_same_jobs_on_the_server(log: Log, postgresql_cluster: PostgreSQL) -> None:
    url = postgresql_cluster.create_database("copy_command")
    upgrade(url)
    (log.home / "spool" / "image").write_bytes(b"an image")
    jobs, series, spool = log.json("jobs", "list"), log.json("series", "list"), files(log.home / "spool")
    answer = log.run("db", "copy", "--to", url, "--by", "anna")
    assert answer.exit_code == 0, answer.output
    assert "each found the same" in answer.stdout
    assert "storage.database_url" in answer.stdout
    assert files(log.home / "spool") == spool
    again = log.run("db", "copy", "--to", url)
    assert (again.exit_code, again.stdout) == (1, "")
    assert "holds a finished copy already" in again.stderr

    log.environment["HOUNSFIELD_STORAGE__DATABASE_URL"] = url
    assert log.json("jobs", "list") == jobs
    assert log.json("series", "list") == series
    assert "up to date" in log.run("db", "check").stdout
    postgresql_cluster.drop_database("copy_command")


def test_nothing_is_copied_beside_a_receiver(log: Log) -> None:
    intake = Spool(log.home / "spool").open_intake("receiver-1")
    refused = log.run("db", "copy", "--to", "postgresql://127.0.0.1:1/none")
    intake.close()
    assert refused.exit_code == 1
    assert "systemctl stop hounsfield" in refused.stderr


def test_a_site_without_a_database_is_told_so(tmp_path: Path, log: Log) -> None:
    log.environment["HOUNSFIELD_STORAGE__HOME"] = str(tmp_path / "nowhere")
    refused = log.run("db", "copy", "--to", "postgresql://127.0.0.1:1/none")
    assert refused.exit_code == 4
    assert "there is no database" in refused.stderr


@pytest.mark.parametrize("url", ["sqlite:////tmp/other.db", "nonsense", "mysql://host/name"])
def test_a_target_that_is_no_postgresql_is_refused(log: Log, url: str) -> None:
    refused = log.run("db", "copy", "--to", url)
    assert refused.exit_code == 1
    assert "postgresql://HOST/NAME" in refused.stderr
    assert "unexpected" not in refused.stderr


def test_a_program_gets_the_rows_of_each_table(log: Log, postgresql_cluster: PostgreSQL) -> None:
    url = postgresql_cluster.create_database("copy_json")
    upgrade(url)
    (told,) = log.json("db", "copy", "--from", f"sqlite:///{log.home}/hounsfield.db", "--to", url)
    assert isinstance(told["rows"], dict)
    assert (told["rows"]["job"], told["rows"]["series"]) == (len(log.json("jobs", "list")), 3)
    postgresql_cluster.drop_database("copy_json")
