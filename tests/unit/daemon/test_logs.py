import io
import json
import logging
import os
import stat
import threading
import warnings
from pathlib import Path

import pytest
import structlog

from hounsfield.daemon.config.operation import LoggingSettings
from hounsfield.daemon.logs import UidHasher, configure, escape_controls, where_it_failed


@pytest.fixture
def stream():
    root, saved = logging.getLogger(), logging.getLogger().handlers[:]
    level = root.level
    yield io.StringIO()
    root.handlers = saved
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def test_a_line_is_json_with_time_and_level(stream):
    configure(LoggingSettings(format="json"), stream, {"role": "receiver"})
    structlog.get_logger().info("accepted", calling_ae="CT\x1b[2J\nforged", count=3)
    line = json.loads(stream.getvalue())
    assert line["event"] == "accepted"
    assert line["role"] == "receiver"
    assert line["level"] == "info"
    assert line["calling_ae"] == "CT\\x1b[2J\\nforged"
    assert line["count"] == 3
    assert line["timestamp"].endswith("Z")


def test_control_characters_cannot_forge_a_line_for_a_person(stream):
    configure(LoggingSettings(format="console"), stream)
    structlog.get_logger().warning("one\ntwo", text="a\r\x07\x9b")
    assert stream.getvalue().count("\n") == 1
    assert "one\\ntwo" in stream.getvalue()
    assert not set("\r\x07\x9b\x1b") & set(stream.getvalue())


def test_lines_below_the_level_are_not_written(stream):
    configure(LoggingSettings(level="error"), stream)
    structlog.get_logger().warning("no")
    assert stream.getvalue() == ""


@pytest.mark.parametrize("form", ["json", "console"])
def test_an_exception_is_named_by_type_and_place_but_not_by_its_text(stream, form):
    configure(LoggingSettings(format=form), stream)
    try:
        raise ValueError("Patient Müller")
    except ValueError:
        structlog.get_logger().exception("it failed")
    assert "Müller" not in stream.getvalue()
    assert "ValueError at test_logs:" in stream.getvalue()


def test_libraries_say_where_but_not_what(stream):
    configure(LoggingSettings(level="debug", format="json"), stream)
    logging.getLogger("pynetdicom.service_class").error("name: %s", "Müller")
    logging.getLogger("pynetdicom.service_class").info("also Müller")
    logging.getLogger("alembic.runtime").info("migrating")
    logging.getLogger("pynetdicom.transport").error("TCP Initialisation Error: refused")
    warnings.warn("Invalid value for VR UI: Müller", UserWarning, stacklevel=1)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert "Müller" not in stream.getvalue()
    assert len(lines) == 3
    assert "pynetdicom.service_class" in lines[0]["event"]
    assert lines[1]["event"] == "TCP Initialisation Error: refused"


def test_the_place_of_an_exception_without_a_traceback_is_its_type():
    assert where_it_failed(KeyError("Müller")) == "KeyError"


def test_printable_text_is_left_as_it_is():
    assert escape_controls("Müller 太郎") == "Müller 太郎"


def test_uid_hashes_depend_on_the_key_and_the_key_is_private(tmp_path):
    first = UidHasher.of_home(tmp_path / "a")
    again = UidHasher.of_home(tmp_path / "a")
    other = UidHasher.of_home(tmp_path / "b")
    assert first("1.2.3") == again("1.2.3") != first("1.2.4")
    assert first("1.2.3") != other("1.2.3")
    assert "1.2.3" not in first("1.2.3")
    assert stat.S_IMODE((tmp_path / "a" / "log.key").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["log.key"]


def test_a_thread_that_fails_is_a_line_of_the_log_and_no_traceback(stream, capsys):
    configure(LoggingSettings(format="json"), stream)

    def fail() -> None:
        raise ValueError("DOE^JANE")

    thread = threading.Thread(target=fail, name="some-thread")
    try:
        thread.start()
        thread.join()
    finally:
        threading.excepthook = threading.__excepthook__
    (line,) = stream.getvalue().splitlines()
    said = json.loads(line)
    assert (said["event"], said["thread"]) == ("a thread failed", "some-thread")
    assert said["failed"].startswith("ValueError at ")
    assert said["failed"].endswith(" fail")
    assert "JANE" not in stream.getvalue() + capsys.readouterr().err


def test_our_log_is_heard_while_a_library_is_turned_away_from_standard_error(stream, capfd):
    assert stream.getvalue() == ""
    configure(LoggingSettings(format="json"))
    shown = os.dup(2)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            os.write(2, b"chatter of a library\n")
            structlog.get_logger().info("heard")
        finally:
            os.dup2(shown, 2)
            os.close(shown)
    said = capfd.readouterr().err
    assert "heard" in said
    assert "chatter" not in said
