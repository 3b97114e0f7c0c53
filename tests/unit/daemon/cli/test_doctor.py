"""`hounsfield doctor`: each line says what is wrong and how to mend it."""

import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.bench import Bench
from support.ct_factory import ct_series, write_series
from support.fake_control import FakeControl
from support.mllp_listener import python_hl7_listener
from support.peers import free_port
from support.query_peers import archive
from support.scp import Scp, listening
from typer.testing import CliRunner

from hounsfield.daemon.cli import checks
from hounsfield.daemon.cli.check import Check, Level
from hounsfield.daemon.cli.exits import CommandFailed
from hounsfield.daemon.cli.main import app
from hounsfield.daemon.cli.notify_checks import check_notifiers
from hounsfield.daemon.cli.query_check import check_query
from hounsfield.daemon.cli.waiting_checks import check_pauses, check_waiting
from hounsfield.daemon.config.settings import Settings
from hounsfield.storage import engine
from hounsfield.storage.control import Part, Pause


@pytest.fixture(scope="module")
def server() -> Iterator[Scp]:
    with listening() as peer:
        yield peer


@pytest.fixture
def scp(server: Scp) -> Scp:
    server.forget()
    return server


def settings(**sections: Any) -> Settings:
    return Settings(**sections)


def test_a_free_port_is_ok() -> None:
    assert checks.check_port(settings(dicom={"port": free_port()})).level is Level.OK


def test_our_own_receiver_on_the_port_is_ok(scp: Scp) -> None:
    check = checks.check_port(settings(dicom={"port": scp.port, "ae_title": "STORE"}))
    assert check.level is Level.OK
    assert "STORE answers" in check.message


def test_another_program_on_the_port_is_a_problem_with_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "ECHO_SECONDS", 0.3)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        check = checks.check_port(settings(dicom={"port": other.getsockname()[1]}))
    assert check.level is Level.PROBLEM
    assert "another dicom.port" in check.mend


def test_an_address_that_is_not_ours_is_a_problem() -> None:
    check = checks.check_port(settings(dicom={"host": "192.0.2.1", "port": 11112, "allow_any_peer": True}))
    assert check.level is Level.PROBLEM


def test_too_little_space_is_a_problem(tmp_path: Path) -> None:
    tight = settings(storage={"home": tmp_path}, dicom={"min_free_bytes": 10**18})
    assert {check.level for check in checks.check_disk(tight)} == {Level.PROBLEM}
    roomy = settings(storage={"home": tmp_path}, dicom={"min_free_bytes": 0})
    assert Level.PROBLEM not in {check.level for check in checks.check_disk(roomy)}


def test_space_is_judged_by_the_share_too_as_the_receiver_does(tmp_path: Path) -> None:
    full = settings(storage={"home": tmp_path}, dicom={"min_free_bytes": 0, "min_free_percent": 99.9})
    found = list(checks.check_disk(full))
    assert {check.level for check in found} == {Level.PROBLEM}
    assert all("below dicom.min_free_percent" in check.message for check in found)


def test_a_home_that_is_a_file_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    assert checks.check_home(settings(storage={"home": tmp_path / "home"})).level is Level.PROBLEM


def test_the_database_is_told_before_and_after_it_was_made(tmp_path: Path) -> None:
    home = settings(storage={"home": tmp_path})
    assert "made at the first start" in checks.check_database(home).message
    engine.open_database(None, tmp_path).close()
    assert "up to date" in checks.check_database(home).message


def test_a_database_that_is_none_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "hounsfield.db").write_text("this is not a database, however long the text may be" * 100)
    assert checks.check_database(settings(storage={"home": tmp_path})).level is Level.PROBLEM


def test_a_broken_bundle_is_a_problem(tmp_path: Path) -> None:
    (check,) = checks.check_bundles(settings(bundle=[{"path": tmp_path}]))
    assert check.level is Level.PROBLEM
    assert "hounsfield bundle lint" in check.mend


def test_a_destination_that_is_down_is_a_problem_and_one_that_answers_is_ok(scp: Scp) -> None:
    entries = [
        {"name": "up", "ae_title": "STORE", "host": "127.0.0.1", "port": scp.port},
        {"name": "down", "ae_title": "STORE", "host": "127.0.0.1", "port": 1},
    ]
    found = [
        check for check in checks.check_destinations(settings(destination=entries)) if check.subject != "configuration"
    ]
    assert [check.level for check in found] == [Level.OK, Level.PROBLEM]
    assert "results wait" in found[1].mend


def test_a_device_that_is_not_there_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: str) -> dict[str, Any]:
        raise CommandFailed("device 'gpu:0' is not there")

    monkeypatch.setattr(checks, "ask", refuse)
    check = checks.check_device(settings(worker={"device": "gpu:0"}))
    assert (check.level, check.message) == (Level.PROBLEM, "device 'gpu:0' is not there")
    assert "worker.device" in check.mend


def test_the_exit_code_tells_whether_there_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    fine = [Check("port", Level.OK, "free"), Check("bundle", Level.WARNING, "demonstration", "fine for a trial")]
    broken = [*fine, Check("disk", Level.PROBLEM, "full", "make room")]
    runner = CliRunner(env={"NO_COLOR": "1"})
    monkeypatch.setattr(checks, "all_checks", lambda _: iter(fine))
    assert runner.invoke(app, ["doctor"]).exit_code == 0
    monkeypatch.setattr(checks, "all_checks", lambda _: iter(broken))
    result = runner.invoke(app, ["doctor"])
    assert result.exit_code == 1
    assert "-> make room" in result.stdout
    assert "1 problem found" in result.stderr
    rows = [json.loads(line) for line in runner.invoke(app, ["doctor", "--json"]).stdout.splitlines()]
    assert rows[2] == {"check": "disk", "level": "problem", "message": "full", "mend": "make room"}


def test_a_wrong_configuration_ends_with_the_code_for_it() -> None:
    result = CliRunner(env={"HOUNSFIELD_DICOM__PORT": "many"}).invoke(app, ["doctor"])
    assert result.exit_code == 3


def late_job(home: Path, **more: Any) -> Bench:
    bench = Bench(home, **more)
    bench.receive(write_series(home.parent / "files", ct_series(12)))
    bench.settle()
    return bench


def test_a_series_that_no_worker_takes_is_a_problem(tmp_path: Path) -> None:
    bench = late_job(tmp_path / "home")
    soon, late = (bench.clock.now() + timedelta(minutes=minutes) for minutes in (1, 11))
    assert [c.level for c in check_waiting(bench.app.database.jobs, bench.app.settings, soon)] == [Level.OK]
    (check,) = check_waiting(bench.app.database.jobs, bench.app.settings, late)
    assert check.level is Level.PROBLEM
    assert "1 series wait" in check.message


def test_a_folder_that_takes_no_files_is_a_problem(tmp_path: Path) -> None:
    folders = {"there": tmp_path, "missing": tmp_path / "missing"}
    entries = [{"name": name, "kind": "folder", "folder": str(folder)} for name, folder in folders.items()]
    found = [one for one in checks.check_destinations(settings(destination=entries)) if one.subject == "destination"]
    assert [one.level for one in found] == [Level.OK, Level.PROBLEM]
    assert list(tmp_path.iterdir()) == []


def test_a_result_for_a_destination_that_is_gone_is_a_problem(tmp_path: Path) -> None:
    bench = late_job(tmp_path / "home")
    bench.worker(0.9).work_one()
    (check,) = check_waiting(bench.app.database.jobs, settings(), bench.clock.now())
    assert check.level is Level.PROBLEM
    assert "'pacs', which is not configured" in check.message


def test_news_for_a_notify_that_is_gone_are_a_problem(tmp_path: Path) -> None:
    notifier = {"name": "ris", "kind": "hl7", "host": "127.0.0.1", "port": free_port()}
    bench = late_job(tmp_path / "home", destinations=(), more={"notify": [notifier]})
    bench.worker(0.9).work_one()
    jobs, now = bench.app.database.jobs, bench.clock.now()
    (check,) = check_waiting(jobs, settings(), now)
    assert check.level is Level.PROBLEM
    assert "[[notify]] 'ris', which is not configured" in check.message
    assert [one.level for one in check_waiting(jobs, bench.app.settings, now)] == [Level.OK]


def test_the_doctor_connects_to_listeners_and_sends_them_nothing(tmp_path: Path) -> None:
    with python_hl7_listener() as listener:
        notifiers = [
            {"name": "ris", "kind": "hl7", "host": "127.0.0.1", "port": listener.port},
            {
                "name": "hook",
                "kind": "webhook",
                "url": f"http://localhost:{free_port()}/",
                "secret_file": str(tmp_path / "s"),
            },
        ]
        there, gone = check_notifiers(settings(notify=notifiers), 5.0)
    assert (there.level, gone.level) == (Level.OK, Level.PROBLEM)
    assert "Connection refused" in gone.message
    assert listener.blocks == []


def test_what_is_paused_is_a_warning_that_names_the_way_on() -> None:
    control = FakeControl()
    assert list(check_pauses(control)) == []
    control.pause(Pause(part=Part.DELIVERY, since=datetime(2026, 1, 1, tzinfo=UTC), note="PACS moves"))
    (check,) = check_pauses(control)
    assert (check.level, check.mend) == (Level.WARNING, "`hounsfield resume delivery` lets it go on")
    assert "(PACS moves)" in check.message


def query(port: int, ae_title: str) -> Settings:
    return settings(query={"host": "127.0.0.1", "port": port, "ae_title": ae_title})


def test_without_a_query_section_the_doctor_says_nothing_of_it() -> None:
    assert list(check_query(settings(), 5.0)) == []


def test_an_archive_that_answers_queries_is_ok() -> None:
    with archive() as running:
        (check,) = check_query(query(running.port, "ARCHIVE"), 5.0)
    assert (check.level, "answers queries" in check.message) == (Level.OK, True)


def test_an_archive_that_answers_an_echo_but_no_query_is_a_problem_with_a_way_out(scp: Scp) -> None:
    (check,) = check_query(query(scp.port, "STORE"), 5.0)
    assert check.level is Level.PROBLEM
    assert "no C-FIND (rejected)" in check.message
    assert "allow HOUNSFIELD to query there" in check.mend


def test_an_archive_that_is_not_there_is_a_problem() -> None:
    (check,) = check_query(query(free_port(), "STORE"), 5.0)
    assert check.level is Level.PROBLEM
    assert "nothing answers there" in check.message
