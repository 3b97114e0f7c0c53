"""Scanners and destinations."""

from datetime import timedelta
from typing import Any

from support.rows import at

from hounsfield.daemon.config.destinations import Destination
from hounsfield.daemon.config.reception import Peer
from hounsfield.daemon.console.pages.sites_view import (
    MOST_STRANGERS,
    ScannerFacts,
    destination_line,
    scanner_lines,
)
from hounsfield.daemon.console.standing import Level
from hounsfield.storage.alarms import Alarm, AlarmKind
from hounsfield.storage.destination_state import Backlog, DestinationState
from hounsfield.storage.log_book import Intake
from hounsfield.storage.peer_records import SightingReason, SightingRecord
from hounsfield.storage.states import Reason


def sighting(title: str = "CT1", **changes: Any) -> SightingRecord:
    fields: dict[str, Any] = {
        "id": 1,
        "calling_ae": title,
        "called_ae": "HOUNSFIELD",
        "address": "192.0.2.7",
        "reason": SightingReason.KNOWN,
        "admitted": True,
        "first_seen_at": at(0),
        "last_seen_at": at(10),
        "count": 3,
    }
    return SightingRecord(**fields | changes)


PACS = Destination.model_validate({"name": "pacs", "ae_title": "PACS", "host": "pacs.example.org", "port": 104})


def test_a_scanner_tells_what_it_sent_and_why_it_was_refused() -> None:
    facts = ScannerFacts(
        configured=[Peer.model_validate({"ae_title": "CT1", "host": "192.0.2.7"})],
        sightings=[
            sighting(),
            sighting(reason=SightingReason.TOO_MANY, admitted=False, count=4, last_seen_at=at(5)),
            sighting(reason=SightingReason.PAUSED, admitted=False, count=9, last_seen_at=at(6)),
        ],
        hour=[Intake(scanner="CT1", series=1, instances=30, last_at=at(20))],
        day=[Intake(scanner="CT1", series=4, instances=120, last_at=at(20))],
        pauses={"CT1": timedelta(hours=15)},
    )
    ((line,), left_out) = scanner_lines(facts)
    assert (line.hour.series, line.day.images, line.seen_at) == (1, 120, at(20))
    assert line.refused == (("paused", 9), ("too-many", 4))
    assert (line.standing.words, line.usual_pause, left_out) == ("sends", 54_000.0, 0)


def test_a_silent_scanner_is_a_problem_and_tells_since_when() -> None:
    alarm = Alarm(id=1, kind=AlarmKind.SCANNER_SILENT, subject="CT1", began_at=at(99))
    ((line,), _) = scanner_lines(ScannerFacts(sightings=[sighting()], alarms=[alarm]))
    assert (line.standing.level, line.silent_since) == (Level.PROBLEM, at(99))


def test_an_alarm_about_something_else_of_that_name_makes_no_scanner_silent() -> None:
    alarm = Alarm(id=1, kind=AlarmKind.DESTINATION_DOWN, subject="CT1", began_at=at(99))
    ((line,), _) = scanner_lines(ScannerFacts(sightings=[sighting()], alarms=[alarm]))
    assert line.silent_since is None


def test_configured_senders_come_first_and_a_scan_of_the_network_does_not_fill_the_page() -> None:
    strangers = [
        sighting(f"X{number}", reason=SightingReason.UNKNOWN_PEER, admitted=False)
        for number in range(MOST_STRANGERS + 7)
    ]
    configured = [Peer.model_validate({"ae_title": "MR9", "host": "192.0.2.9"})]
    lines, left_out = scanner_lines(ScannerFacts(configured=configured, sightings=[*strangers, sighting("CT1")]))
    assert [line.title for line in lines[:2]] == ["MR9", "CT1"]
    assert (len(lines), left_out) == (MOST_STRANGERS + 2, 7)
    assert (lines[0].standing.words, lines[2].standing.words) == ("never seen", "refused")


def test_titles_and_addresses_from_the_network_are_escaped() -> None:
    ((line,), _) = scanner_lines(ScannerFacts(sightings=[sighting("A\n\x1b", address="x\ry")]))
    assert line.title == "A\\n\\x1b"
    assert line.addresses == "x\\ry"


def test_a_destination_that_is_away_tells_since_when_and_what_to_do() -> None:
    state = DestinationState(
        name="pacs", is_open=True, since=at(50), reason=Reason.UNREACHABLE, failures=3, probe_at=at(90)
    )
    line = destination_line(PACS, state, Backlog(waiting=7, held=1), at(4))
    assert (line.standing.words, line.standing.level, line.since) == ("away", Level.PROBLEM, at(50))
    assert line.advice is not None
    assert (line.failures, line.probe_at, line.waiting, line.oldest_at) == (3, at(90), 7, at(4))
    assert line.where == "PACS at pacs.example.org:104"


def test_a_destination_that_answers_or_was_never_asked_needs_no_advice() -> None:
    good = destination_line(PACS, DestinationState(name="pacs", is_open=False, since=at(1)), Backlog(), None)
    new = destination_line(PACS, None, Backlog(), None)
    assert (good.standing.level, good.advice) == (Level.OK, None)
    assert (new.standing.level, new.since) == (Level.QUIET, None)


def test_a_folder_cannot_be_echoed() -> None:
    folder = Destination.model_validate({"name": "out", "kind": "folder", "folder": "/srv/out"})
    assert not destination_line(folder, None, Backlog(), None).can_echo
    assert destination_line(PACS, None, Backlog(), None).can_echo
