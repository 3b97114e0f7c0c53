"""`hounsfield bundle install`, `activate`, `rollback`, `deactivate`, `remove`; what `list` and `doctor` say then."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.installed_bundles import damage, write_version
from support.stored import closed
from typer.testing import CliRunner, Result

from hounsfield.daemon.bundles.installed import InstalledBundles
from hounsfield.daemon.cli import model_probe
from hounsfield.daemon.cli.check import Level
from hounsfield.daemon.cli.checks import check_bundles, check_device
from hounsfield.daemon.cli.exits import CommandFailed
from hounsfield.daemon.cli.main import app
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.pipeline.serving_notes import ServingNote, ServingNotes, ServingState
from hounsfield.model.bundle import bundled
from hounsfield.model.manifest import Manifest
from hounsfield.storage.engine import open_database
from hounsfield.storage.records import InferRequest

SHIPPED = ("ich-demo", Manifest.read(bundled()).version, "shipped")
PASSED = {"passed": True, "largest_difference": 0.0, "tolerance": 0.001, "slices": 5, "device": "CPU"}


class Site:
    """A home, and commands on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.environment = {"HOUNSFIELD_STORAGE__HOME": str(self.home), "NO_COLOR": "1", "USER": "anna"}

    def run(self, *arguments: str) -> Result:
        return CliRunner(env=self.environment).invoke(app, ["bundle", *arguments])

    def ok(self, *arguments: str) -> str:
        result = self.run(*arguments)
        assert result.exit_code == 0, result.output
        return result.stdout

    def install(self, version: str, *more: str) -> None:
        folder = write_version(self.folder / version, version=version).folder
        self.ok("install", str(folder), *more)

    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.ok("list", "--json").splitlines()]

    def used(self) -> list[tuple[str, str, str]]:
        return [(row["name"], row["version"], row["use"]) for row in self.rows()]

    def checks(self) -> list[tuple[Level, str]]:
        return [(check.level, check.message) for check in check_bundles(Settings(storage={"home": self.home}))]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(model_probe, "ask", lambda *_: PASSED)
    return Site(tmp_path)


def test_installing_changes_nothing_until_a_version_is_activated(site: Site) -> None:
    site.install("1.0.0")
    assert site.used() == [SHIPPED, ("tiny", "1.0.0", "")]
    assert "tiny 1.0.0 is active: new jobs name it" in site.ok("activate", "tiny", "1.0.0", "--by", "anna")
    (row,) = site.rows()
    assert (row["version"], row["use"], row["by"]) == ("1.0.0", "active", "anna")
    assert datetime.fromisoformat(row["since"]).tzinfo is not None
    assert "active" in site.ok("list")


def test_versions_are_activated_rolled_back_and_deactivated(site: Site) -> None:
    site.install("1.0.0", "--activate")
    site.install("2.0.0", "--activate")
    assert site.used() == [("tiny", "2.0.0", "active"), ("tiny", "1.0.0", "")]
    assert "active already" in site.ok("activate", "tiny", "2.0.0")
    assert "tiny 1.0.0 is active again" in site.ok("rollback", "tiny")
    again = site.run("rollback", "tiny")
    assert again.exit_code == 1
    assert "no version of 'tiny' was active before" in again.stderr
    assert "the demonstration runs" in site.ok("deactivate", "tiny")
    assert site.used()[0] == SHIPPED
    assert site.run("deactivate", "tiny").exit_code == 4
    assert "tiny 1.0.0 is active again" in site.ok("rollback", "tiny")


def test_what_is_not_installed_cannot_be_activated_or_removed(site: Site) -> None:
    for command in ("activate", "remove"):
        result = site.run(command, "tiny", "1.0.0")
        assert (result.exit_code, "tiny 1.0.0 is not installed" in result.stderr) == (4, True)


def test_an_installed_version_whose_files_were_changed_is_not_activated(site: Site) -> None:
    site.install("1.0.0")
    (place,) = InstalledBundles(site.home / "bundles").places()
    (place.folder / "model.keras").chmod(0o644)
    (place.folder / "model.keras").write_bytes(b"other")
    result = site.run("activate", "tiny", "1.0.0")
    assert (result.exit_code, "was changed" in result.stderr) == (1, True)


def test_a_configured_name_is_not_chosen(site: Site) -> None:
    site.install("1.0.0")
    folder = write_version(site.folder / "configured").folder
    site.environment["HOUNSFIELD_BUNDLE"] = json.dumps([{"path": str(folder)}])
    result = site.run("activate", "tiny", "1.0.0")
    assert (result.exit_code, "named by a [[bundle]] of the configuration" in result.stderr) == (1, True)


def test_no_choice_takes_a_bundle_away_that_a_rule_asks_for(site: Site) -> None:
    site.install("1.0.0")
    site.environment["HOUNSFIELD_RULE"] = json.dumps([{"name": "head", "bundle": "ich-demo"}])
    result = site.run("activate", "tiny", "1.0.0")
    assert (result.exit_code, 'there is no bundle "ich-demo"' in result.stderr) == (1, True)
    site.environment["HOUNSFIELD_RULE"] = json.dumps([{"name": "head", "bundle": "tiny"}])
    site.ok("activate", "tiny", "1.0.0")
    assert site.run("deactivate", "tiny").exit_code == 1


def test_a_bundle_that_fails_its_self_test_is_not_installed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_probe, "ask", lambda *_: {**PASSED, "passed": False, "largest_difference": 0.25})
    folder = write_version(site.folder / "drifting").folder
    result = site.run("install", str(folder))
    assert result.exit_code == 1
    assert f"{folder}: its scores differ by 0.25" in result.stderr
    assert InstalledBundles(site.home / "bundles").places() == []


def test_a_model_process_that_fails_names_the_folder_that_was_given(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(_: str, folder: str) -> None:
        raise CommandFailed(f"{folder}/model.keras does not load")

    monkeypatch.setattr(model_probe, "ask", refuses)
    folder = write_version(site.folder / "odd").folder
    assert f"{folder}/model.keras does not load" in site.run("install", str(folder)).stderr


def test_an_active_version_and_one_that_jobs_wait_for_are_not_removed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.install("1.0.0", "--activate")
    assert "tiny 1.0.0 is active" in site.run("remove", "tiny", "1.0.0").stderr
    site.install("2.0.0", "--activate")
    _wait_for(site, "tiny", "1.0.0")
    result = site.run("remove", "tiny", "1.0.0")
    assert (result.exit_code, "1 job for tiny 1.0.0 has not ended" in result.stderr) == (1, True)
    site.ok("activate", "tiny", "1.0.0")
    site.ok("remove", "tiny", "2.0.0")
    assert site.used() == [("tiny", "1.0.0", "active")]


def _wait_for(site: Site, name: str, version: str) -> None:
    """Leave an analysis in the job log that has not ended."""
    database = open_database(None, site.home)
    closed(database, requests=[InferRequest(bundle=name, bundle_version=version, bundle_sha256="b" * 64)])
    database.close()


def test_list_and_doctor_tell_that_the_worker_does_not_serve_a_bundle(site: Site) -> None:
    site.install("1.0.0", "--activate")
    (row,) = site.rows()
    words = "tiny 1.0.0: its golden scores differ by 0.25"
    note = ServingNote(state=ServingState.DRIFTED, at=datetime(2026, 11, 26, tzinfo=UTC), words=words)
    ServingNotes(site.home).put(row["sha256"], note)
    (row,) = site.rows()
    assert (row["worker"], row["worker_says"]) == ("drifted", words)
    ((level, message),) = site.checks()
    assert level is Level.PROBLEM
    assert "the worker does not serve it" in message


def test_doctor_tells_of_a_chosen_version_that_is_broken_or_gone(site: Site) -> None:
    site.install("1.0.0", "--activate")
    bundles = InstalledBundles(site.home / "bundles")
    bundle = bundles.exact(site.rows()[0]["sha256"])
    assert bundle is not None
    damage(bundle)
    ((level, message),) = site.checks()
    assert (level, "model.keras: was changed" in message) == (Level.PROBLEM, True)
    assert site.run("list").exit_code == 1
    with bundles.changing():
        bundles.remove(bundles.places()[0])
    ((level, message),) = site.checks()
    assert (level, "manifest.toml" in message) == (Level.PROBLEM, True)


def test_doctor_tells_that_a_rule_asks_for_a_bundle_that_is_not_active(site: Site) -> None:
    site.install("1.0.0")
    rule = [{"name": "head", "bundle": "tiny"}]
    found = list(check_bundles(Settings(storage={"home": site.home}, rule=rule)))
    assert (found[0].level, found[0].message) == (Level.PROBLEM, 'rule[0].bundle: there is no bundle "tiny" in use')


def test_doctor_tells_that_the_worker_has_lost_its_device(site: Site) -> None:
    site.home.mkdir()
    ServingNotes(site.home).device_lost(datetime.now(UTC))
    check = check_device(Settings(storage={"home": site.home}))
    assert (check.level, "has lost its device" in check.message) == (Level.WARNING, True)


def test_lint_and_show_find_an_installed_bundle_by_its_name(site: Site) -> None:
    site.install("1.0.0")
    assert "MODEL_CARD.md: is missing" in site.ok("lint", "tiny")
    assert "tiny 1.0.0" in site.ok("show", "tiny")
