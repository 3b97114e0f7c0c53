"""What the shell is offered: states, kinds, bundles, destinations, scanners and jobs; and silence where it fails."""

from pathlib import Path

import pytest
from support.joblog import Log
from typer.testing import CliRunner

from hounsfield.daemon.cli.main import app
from hounsfield.storage.engine import open_database
from hounsfield.storage.peer_records import Sighting, SightingReason

CONFIG = """
[[peer]]
ae_title = "CT1"
host = "192.0.2.7"

[[destination]]
name = "archive"
ae_title = "PACS"
host = "127.0.0.1"
port = 104
"""


def offered(home: Path, line: str, config: str | None = None) -> list[str]:
    """Return what bash would offer for the last word of a line."""
    environment = {
        "_HOUNSFIELD_COMPLETE": "complete_bash",
        "COMP_WORDS": f"hounsfield {line}",
        "COMP_CWORD": str(len(line.split(" "))),
        "HOUNSFIELD_STORAGE__HOME": str(home),
        "HOUNSFIELD_CONFIG": config,
    }
    result = CliRunner(env=environment).invoke(app, [], prog_name="hounsfield")
    assert result.stderr == ""
    return result.stdout.split()


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "home")


def test_states_and_kinds_are_offered(log: Log) -> None:
    assert offered(log.home, "jobs list --state DIS") == ["DISCARDED"]
    assert set(offered(log.home, "jobs list --kind ")) == {"INFER", "DELIVER", "NOTIFY"}
    assert {"SKIPPED", "PURGED", "HELD"} <= set(offered(log.home, "jobs tail --state "))


def test_names_come_from_configuration_and_database(log: Log, tmp_path: Path) -> None:
    database = open_database(None, log.home)
    try:
        seen = {"calling_ae": "CT2", "called_ae": "HOUNSFIELD", "address": "192.0.2.8", "reason": SightingReason.KNOWN}
        when = database.jobs.events()[0].at
        for title, admitted in (("CT2", True), ("SPY", False), ("C\x1b[2J", True)):
            database.peers.saw(
                [Sighting(**{**seen, "calling_ae": title}, admitted=admitted, first_seen_at=when, last_seen_at=when)]  # type: ignore[arg-type]
            )
    finally:
        database.close()
    file = tmp_path / "hounsfield.toml"
    file.write_text(CONFIG)
    assert set(offered(log.home, "jobs list --scanner ", str(file))) == {"CT1", "CT2"}
    assert offered(log.home, "jobs list --destination ", str(file)) == ["archive"]
    assert offered(log.home, f"jobs list -c {file} --destination a") == ["archive"]
    assert offered(log.home, "jobs tail --bundle ") == ["ich-demo"]
    assert offered(log.home, "jobs show ") == ["4", "3", "2", "1"]


def test_a_broken_or_missing_configuration_offers_nothing_and_says_nothing(log: Log, tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("[dicom")
    assert offered(log.home, "jobs list --scanner ", str(broken)) == []
    assert offered(log.home, "jobs list --scanner ", str(tmp_path / "none.toml")) == []
    assert offered(tmp_path / "nowhere", "jobs show ") == []
    assert not (tmp_path / "nowhere").exists()
