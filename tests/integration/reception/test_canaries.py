"""Names, ids and free text of patients, sent in every way: none of it is to be found in what the receiver says."""

import json
import re

import pytest
from support.attacks.canaries import (
    CANARIES,
    FORGED,
    FORGING_TITLES,
    TELLTALES,
    call_with_forging_titles,
    send_canaries,
)
from support.attacks.limits import SHORT_DEADLINES
from support.receiver_process import ReceiverProcess, running

CONSOLE_LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z \[(debug|info|warning|error|critical) *\] ")
KINDS_OF_STORE = 9


@pytest.mark.parametrize("form", ["console", "json"])
def test_nothing_a_patient_could_be_known_by_is_logged_answered_or_shown_and_no_line_is_forged(tmp_path, form):
    settings = {**SHORT_DEADLINES, "LOGGING__LEVEL": "debug", "LOGGING__FORMAT": form}
    with running(ReceiverProcess(tmp_path / "home", settings=settings)) as receiver:
        said = send_canaries(receiver.port)
        call_with_forging_titles(receiver.port)
        shown = receiver.command_line()
        stored = len(receiver.instances())
        assert receiver.stop() == 0
        log = receiver.log()
        others = everything_but_the_images(receiver)
    assert {0x0000, 0xA900, 0xC000} == set(said.statuses), "they came as far as they were meant to"
    assert len(said.statuses) == KINDS_OF_STORE * len(CANARIES)
    assert stored >= len(CANARIES)
    answers = "".join(said.comments)
    for telltale in TELLTALES:
        quoted = {telltale, telltale.encode("unicode_escape").decode(), json.dumps(telltale)[1:-1]}
        for where, text in {"log": log, "process list": shown, "answers": answers, "home": others}.items():
            assert not [form for form in quoted if form in text], f"{telltale} stands in the {where}"
    assert_no_line_is_forged(log, form)
    assert "EVIL" in log, "the titles were logged, or this proves nothing"


def everything_but_the_images(receiver: ReceiverProcess) -> str:
    """What else lies in the home folder: the database, its journal, keys, and what metrics there may be."""
    files = [path for path in receiver.files() if path.suffix not in (".dcm", ".slot")]
    return "".join(path.read_bytes().decode("utf-8", "replace") for path in files)


def assert_no_line_is_forged(log: str, form: str) -> None:
    assert FORGED not in log
    assert not re.search(r"[^\n\x20-\x7e\u00a0-\U0010ffff]", log), "control characters are escaped"
    lines = [line for line in log.splitlines() if not line.startswith("ready dicom=127.0.0.1:")]
    assert len(log.splitlines()) - len(lines) == 1, "one ready line, the real one"
    for line in lines:
        if form == "json":
            assert "event" in json.loads(line)
        else:
            assert CONSOLE_LINE.match(line), line
            assert not line.startswith(tuple(title.split("\n")[-1] for title in FORGING_TITLES))
