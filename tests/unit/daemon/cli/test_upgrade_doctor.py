"""`hounsfield doctor --upgrade`: what would change, whether it can, and what to do first. Nothing is changed."""

import json
import shutil
import sqlite3
from collections import namedtuple
from contextlib import closing
from pathlib import Path

import pytest
from support.joblog import Log
from support.postgres import PostgreSQL
from support.revisions import contents, downgrade, on

from hounsfield.daemon.cli import upgrade_checks
from hounsfield.daemon.cli.check import Check, Level
from hounsfield.daemon.cli.exits import CommandFailed
from hounsfield.daemon.config.settings import Settings, load_settings
from hounsfield.daemon.queue.schema import shipped_schema
from hounsfield.model.bundle import bundled
from hounsfield.storage import queue_schema, rehearsal, schema
from hounsfield.storage.bundle_choice import BundleChoice, ChoiceKind
from hounsfield.storage.engine import check, default_url, open_database, upgrade

OLD = "0006"
PASSED = {"passed": True, "device": "cpu:0", "slices": 4, "largest_difference": 0.0, "tolerance": 1e-3}
Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What a self-test says, which is asked in a process of its own."""
    answer: dict[str, object] = dict(PASSED)
    monkeypatch.setattr(upgrade_checks, "ask", lambda *_: answer)
    return answer


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Log:
    log = Log(tmp_path_factory.mktemp("filled") / "home")
    downgrade(default_url(log.home), OLD)
    return log


@pytest.fixture
def old(filled: Log, tmp_path: Path) -> Log:
    return filled.copied(tmp_path / "home")


def said(log: Log, *arguments: str) -> tuple[int, dict[str, dict[str, str]]]:
    done = log.run("doctor", "--upgrade", "--json", *arguments)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return done.exit_code, {line["check"]: line for line in lines}


def levels(checks: list[Check]) -> list[Level]:
    return [one.level for one in checks]


def test_an_old_database_that_nobody_uses_is_ready_and_stays_as_it_is(old: Log) -> None:
    before = on(default_url(old.home), contents)
    code, checks = said(old)
    assert code == 0, checks
    assert checks["database"]["message"].startswith(f"schema {OLD}, needed is {schema.HEAD}. Steps: 0007 Several hosts")
    assert "0008 Turns" in checks["database"]["message"]
    assert f"{len(before['job'])} of job" in checks["size"]["message"]
    assert "a copy was upgraded in" in checks["rehearsal"]["message"]
    assert "can run now" in checks["in use"]["message"]
    assert checks["python"]["level"] == checks["libraries"]["level"] == checks["bundle"]["level"] == "ok"
    assert check(default_url(old.home))[0] == OLD
    assert on(default_url(old.home), contents) == before
    assert [path.name for path in old.home.iterdir() if "rehearsal" in path.name or "backup" in path.name] == []


def test_after_the_upgrade_nothing_is_left_to_do(old: Log) -> None:
    assert old.run("db", "upgrade").exit_code == 0
    code, checks = said(old)
    assert (code, checks["database"]["message"]) == (0, f"schema {schema.HEAD}: nothing to change")
    assert "rehearsal" not in checks


def test_who_uses_the_database_has_to_end_first(old: Log) -> None:
    with closing(sqlite3.connect(old.home / "hounsfield.db")) as other:
        other.execute("SELECT 1 FROM job").fetchone()
        code, checks = said(old)
    assert (code, checks["in use"]["level"]) == (1, "problem")
    assert "stop the service" in checks["in use"]["mend"]
    assert checks["rehearsal"]["level"] == "ok", "a copy can be made of a database in use"


def test_too_little_room_for_the_backup_is_a_problem(old: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 10**12, 1000))
    code, checks = said(old)
    assert (code, checks["backup"]["level"]) == (1, "problem")
    assert "are needed beside" in checks["backup"]["message"]
    assert "rehearsal" not in checks


def test_a_database_that_cannot_be_upgraded_is_found_out_on_the_copy(old: Log) -> None:
    with closing(sqlite3.connect(old.home / "hounsfield.db")) as connection:
        connection.execute("CREATE TABLE turn (anybody TEXT)")
        connection.commit()
    code, checks = said(old)
    assert (code, checks["database"]["level"]) == (1, "problem")
    assert check(default_url(old.home))[0] == OLD


@pytest.mark.parametrize(("revision", "told"), [("9999", "made by a newer hounsfield"), ("0000", "none of ours")])
def test_a_database_of_another_program_is_a_problem(old: Log, revision: str, told: str) -> None:
    with closing(sqlite3.connect(old.home / "hounsfield.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        connection.commit()
    code, checks = said(old)
    assert (code, told in checks["database"]["message"]) == (1, True)


def test_a_home_without_a_database_has_nothing_to_upgrade(tmp_path: Path) -> None:
    settings = Settings(storage={"home": tmp_path / "none"})  # type: ignore[arg-type]
    (found,) = upgrade_checks.check_database(settings)
    assert (found.level, "it is made at schema" in found.message) == (Level.OK, True)
    assert not (tmp_path / "none").exists()


def test_keys_by_their_old_names_are_told_of_with_the_command_that_changes_them(old: Log, tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text("[dicom]\nmax_pdu = 16384\n")
    code, checks = said(old, "--config", str(file))
    assert (code, checks["configuration"]["level"]) == (0, "warning")
    assert f"hounsfield config migrate {file}" in checks["configuration"]["mend"]
    file.write_text("[dicom]\nmaximum = 16384\n")
    refused = old.run("doctor", "--upgrade", "--config", str(file))
    assert (refused.exit_code, "dicom.maximum: there is no such key" in refused.stderr) == (3, True)


def test_libraries_out_of_their_bounds_and_missing_ones_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Installed:
        requires = (
            "pydicom>=99",
            "no-such-library>=1",
            "numpy>=1",
            "psycopg>=99; extra == 'postgres'",
            "matplotlib>=99; extra == 'train'",
        )
        metadata = {"Requires-Python": ">=99"}  # noqa: RUF012

    monkeypatch.setattr(upgrade_checks, "distribution", lambda _: Installed)
    embedded = list(upgrade_checks.wrong_libraries(load_settings(None)))
    assert [words.split()[0] for words in embedded] == ["pydicom", "no-such-library"]
    server = Settings(storage={"database_url": "postgresql://x/y"})  # type: ignore[arg-type]
    assert [words.split()[0] for words in upgrade_checks.wrong_libraries(server)][-1] == "psycopg"
    assert upgrade_checks.check_python().level is Level.PROBLEM
    assert Level.PROBLEM in levels(list(upgrade_checks.check_libraries(server)))


@pytest.mark.parametrize(
    ("answer", "told"), [({"passed": False}, "self-test failed"), ({"largest_difference": 0.5, "passed": False}, "0.5")]
)
def test_a_bundle_that_answers_otherwise_with_this_program_is_a_problem(
    old: Log, answers: dict[str, object], answer: dict[str, object], told: str
) -> None:
    answers.update(answer)
    code, checks = said(old)
    assert (code, told in checks["bundle"]["message"]) == (1, True)


def test_a_bundle_that_cannot_be_asked_or_is_not_the_chosen_one_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(bundled(), folder)

    def fail(*_: str) -> dict[str, object]:
        raise CommandFailed("the model process ended with 9", "look at the log")

    monkeypatch.setattr(upgrade_checks, "ask", fail)
    settings = Settings(storage={"home": tmp_path}, bundle=({"path": str(folder)},))  # type: ignore[arg-type]
    (found,) = upgrade_checks.check_bundles(settings)
    assert (found.level, found.mend) == (Level.PROBLEM, "look at the log")
    (folder / "MODEL_CARD.md").write_text("another text")
    (folder / "manifest.toml").write_text("")
    (found,) = upgrade_checks.check_bundles(settings)
    assert "bundle lint" in found.mend


def test_the_bundles_that_were_chosen_are_known_from_an_old_database(old: Log) -> None:
    upgrade(default_url(old.home))
    database = open_database(None, old.home)
    now = database.now()
    database.bundle_choices.choose(
        BundleChoice(name="mine", version="1", sha256="ab" * 32, kind=ChoiceKind.ACTIVATED, at=now)
    )
    database.close()
    downgrade(default_url(old.home), OLD)
    assert [one.name for one in rehearsal.bundle_choices(default_url(old.home))] == ["mine"]
    downgrade(default_url(old.home), "0004")
    assert rehearsal.bundle_choices(default_url(old.home)) == []


def test_a_server_is_told_of_with_its_queue_and_is_not_tried_on_a_copy(
    postgresql_cluster: PostgreSQL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgresql_cluster.create_database("to_upgrade")
    upgrade(url)
    downgrade(url, OLD)
    monkeypatch.setattr(upgrade_checks, "users_of", lambda _: "")
    settings = Settings(
        storage={"home": tmp_path, "database_url": url},  # type: ignore[arg-type]
        queue={"engine": "procrastinate"},  # type: ignore[arg-type]
    )
    found = {one.subject: one for one in upgrade_checks.check_database(settings)}
    assert found["queue"].message.startswith("tables of version none, this program brings 3.")
    assert (found["backup"].level, "pg_dump" in found["backup"].mend) == (Level.WARNING, True)
    assert "rehearsal" not in found
    queue_schema.install(url, shipped_schema())
    found = {one.subject: one for one in upgrade_checks.check_database(settings)}
    assert "tables of version none" not in found["queue"].message
    postgresql_cluster.execute("COMMENT ON TABLE procrastinate_jobs IS 'schema 99.0'", "to_upgrade")
    found = {one.subject: one for one in upgrade_checks.check_database(settings)}
    assert found["queue"].level is Level.PROBLEM
    postgresql_cluster.drop_database("to_upgrade")


def test_a_server_that_is_down_is_a_problem(tmp_path: Path) -> None:
    settings = Settings(storage={"home": tmp_path, "database_url": "postgresql://postgres@127.0.0.1:1/x"})  # type: ignore[arg-type]
    (found,) = upgrade_checks.check_database(settings)
    assert found.level is Level.PROBLEM
    assert rehearsal.bundle_choices(settings.storage.resolved_database_url) == []
