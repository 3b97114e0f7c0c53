"""What destinations do that they should not: the report tells it, nothing is taken for stored, and it ends in time."""

import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydicom import dcmread
from pynetdicom.acse import ACSE
from support.destinations import route
from support.reports import request
from support.scripted import Script, read_pdu, scripted
from support.storage_peers import Request, StorageScript, stored
from support.waiting import wait_until
from support.wire import ABORT, ASSOCIATE_RJ, P_DATA, p_data, pdu

from hounsfield.daemon.association.link import MOST_BYTES, Failure
from hounsfield.daemon.delivery.scu import SendReport, SentObject, echo, send
from hounsfield.daemon.results.registry import build
from hounsfield.daemon.results.relabel import FALLBACKS, relabel

SC, SR = "1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.88.34"
COMPREHENSIVE, ENHANCED = FALLBACKS[SR]
BROKEN_OFF = SendReport(failure=Failure.BROKEN_OFF)


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return the files of a report and its page."""
    folder, paths = tmp_path_factory.mktemp("objects"), []
    for built in build(request(), ("sr", "sc")):
        paths.append(folder / f"{built.sop_instance_uid}.dcm")
        paths[-1].write_bytes(built.content)
    return paths


@dataclass
class Relabelled:
    """Variants that are made each time."""

    folder: Path
    objects: list[Path]
    made: list[str] = field(default_factory=list)

    def classes(self, sop_class_uid: str) -> tuple[str, ...]:
        return FALLBACKS.get(sop_class_uid, ())

    def file(self, sop_instance_uid: str, sop_class_uid: str) -> Path | None:
        original = next(path for path in self.objects if path.stem == sop_instance_uid)
        made = relabel(original.read_bytes(), sop_class_uid)
        assert made is not None
        self.made.append(made.sop_instance_uid)
        path = self.folder / f"{made.sop_instance_uid}.dcm"
        path.write_bytes(made.content)
        return path


def sent_to(script: Script, objects: list[Path], seconds: float = 5.0) -> tuple[SendReport, float]:
    """Send to a scripted peer; return the report and how long it took."""
    with scripted(script) as port:
        started = time.monotonic()
        report = send(route(port, "PEER", acse_timeout_seconds=seconds, dimse_timeout_seconds=seconds), objects)
        return report, time.monotonic() - started


def data_set_of(path: Path) -> bytes:
    content = path.read_bytes()
    return content[144 + int.from_bytes(content[140:144], "little") :]


def success(objects: list[Path]) -> SendReport:
    return SendReport(tuple(SentObject(path.stem, 0) for path in objects))


@pytest.mark.parametrize("max_pdu", [4096, 16382, 0], ids=["4096", "16382", "unlimited"])
def test_the_longest_pdu_a_peer_takes_is_kept_to_and_the_bytes_arrive(objects: list[Path], max_pdu: int) -> None:
    script = StorageScript(max_pdu=max_pdu)
    report, _ = sent_to(script, objects)
    assert report == success(objects)
    assert script.data == {path.stem: data_set_of(path) for path in objects}
    assert script.longest <= (max_pdu or 2**32)


def test_a_peer_that_accepts_and_then_says_nothing_is_left_in_time(objects: list[Path]) -> None:
    script = StorageScript(answer=lambda _: b"")
    report, seconds = sent_to(script, objects, seconds=0.4)
    assert report == BROKEN_OFF
    assert seconds < 3


def test_a_peer_that_accepts_and_then_reads_nothing_is_left_in_time(tmp_path: Path, objects: list[Path]) -> None:
    large = tmp_path / objects[1].name
    large.write_bytes(objects[1].read_bytes() + struct.pack("<HHIQ", 0x0009, 0x0010, 0x4F42, 0) + bytes(16 * 2**20))
    left = threading.Event()

    def deaf(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        StorageScript().accept(connection)
        left.wait(10)

    with scripted(deaf) as port:
        started = time.monotonic()
        report = send(route(port, "PEER", dimse_timeout_seconds=0.4), [large])
        left.set()
    assert report == BROKEN_OFF
    assert time.monotonic() - started < 5


def test_a_peer_that_drips_its_answer_is_left_in_time(objects: list[Path]) -> None:
    def script(connection: socket.socket) -> None:
        answers = StorageScript(answer=lambda request: stored(request)[:20])
        answers(connection)

    report, seconds = sent_to(script, objects[:1], seconds=0.4)
    assert report == BROKEN_OFF
    assert seconds < 3


@pytest.mark.parametrize(
    "answer",
    [
        lambda request: stored(request, message_id=request.message_id + 1),
        lambda request: stored(request, instance="1.2.3"),
    ],
    ids=["message id", "instance"],
)
def test_success_for_something_else_is_not_believed(objects: list[Path], answer: Callable[[Request], bytes]) -> None:
    report, _ = sent_to(StorageScript(answer=answer), objects)
    assert report == BROKEN_OFF


def test_a_second_answer_to_one_request_is_not_taken_for_that_to_the_next(objects: list[Path]) -> None:
    report, _ = sent_to(StorageScript(answer=lambda request: stored(request) * 2), objects)
    assert report == SendReport((SentObject(objects[0].stem, 0),), Failure.BROKEN_OFF)


def test_an_abort_after_the_last_fragment_leaves_the_object_unsent(objects: list[Path]) -> None:
    report, _ = sent_to(StorageScript(answer=lambda _: pdu(ABORT, bytes(4))), objects)
    assert report == BROKEN_OFF


@pytest.mark.parametrize(
    "answer",
    [
        pdu(P_DATA, bytes(2 * MOST_BYTES), length=2**32 - 1),
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        pdu(P_DATA, b"\xff" * 64),
        p_data(1, 3, b"\xff" * 64),
        p_data(99, 3, b""),
        pdu(0x42, bytes(4)),
    ],
    ids=["huge PDU", "another protocol", "broken fragment", "broken command", "unknown context", "unknown PDU"],
)
def test_hostile_answers_end_the_association_and_nothing_else(
    objects: list[Path], answer: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    report, seconds = sent_to(StorageScript(answer=lambda _: answer), objects, seconds=1.0)
    assert report == BROKEN_OFF
    assert seconds < 5
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (pdu(ASSOCIATE_RJ, bytes((0, 1, 1, 7))), Failure.REJECTED),
        (pdu(ASSOCIATE_RJ, bytes((0, 2, 3, 2))), Failure.BUSY),
        (pdu(ASSOCIATE_RJ, bytes(4)), Failure.REJECTED),
        (pdu(ABORT, bytes(4)), Failure.UNREACHABLE),
        (b"SSH-2.0-server\r\n", Failure.UNREACHABLE),
        (pdu(2, b"\xff" * 80), Failure.UNREACHABLE),
        (pdu(2, bytes(2 * MOST_BYTES), length=2**32 - 1), Failure.UNREACHABLE),
    ],
    ids=["rejected", "busy", "no result", "abort", "another protocol", "broken", "huge"],
)
def test_hostile_answers_to_the_association_request_are_told(
    objects: list[Path], answer: bytes, failure: Failure
) -> None:
    def script(connection: socket.socket) -> None:
        read_pdu(connection)
        connection.sendall(answer)
        connection.recv(1)

    report, seconds = sent_to(script, objects, seconds=1.0)
    assert report == SendReport(failure=failure)
    assert seconds < 5


def test_a_rejection_that_comes_at_once_is_told_as_one(monkeypatch: pytest.MonkeyPatch, objects: list[Path]) -> None:
    send_request = ACSE.send_request

    def and_be_late(acse: ACSE) -> None:
        send_request(acse)
        wait_until(lambda: acse.dul.to_user_queue.qsize() > 0)
        wait_until(lambda: acse.dul.state_machine.current_state == "Sta1")

    def script(connection: socket.socket) -> None:
        read_pdu(connection)
        connection.sendall(pdu(ASSOCIATE_RJ, bytes((0, 2, 3, 2))))

    monkeypatch.setattr(ACSE, "send_request", and_be_late)
    report, _ = sent_to(script, objects)
    assert report == SendReport(failure=Failure.BUSY)


def test_a_syntax_that_nobody_proposed_is_not_used(objects: list[Path]) -> None:
    script = StorageScript(syntax="1.2.840.10008.1.2.1.99")
    report, _ = sent_to(script, objects)
    assert report == SendReport(failure=Failure.NOT_ACCEPTED)
    assert script.data == {}


@pytest.mark.parametrize(
    ("takes", "expected"), [((SC, COMPREHENSIVE, ENHANCED), COMPREHENSIVE), ((SC, ENHANCED), ENHANCED)]
)
def test_a_report_goes_out_in_the_richest_class_that_is_taken(
    tmp_path: Path, objects: list[Path], takes: tuple[str, ...], expected: str
) -> None:
    script, variants = StorageScript(takes=takes), Relabelled(tmp_path, objects)
    with scripted(script) as port:
        report = send(route(port, "PEER"), objects, variants)
    (made,) = variants.made
    assert report == SendReport((SentObject(made, 0), SentObject(objects[1].stem, 0)))
    assert script.proposed == [[SR, COMPREHENSIVE, ENHANCED, SC]]
    assert script.data[made] == data_set_of(tmp_path / f"{made}.dcm")
    assert dcmread(tmp_path / f"{made}.dcm").SOPClassUID == expected


def test_a_report_whose_class_is_taken_goes_out_as_it_is(tmp_path: Path, objects: list[Path]) -> None:
    variants = Relabelled(tmp_path, objects)
    with scripted(StorageScript()) as port:
        assert send(route(port, "PEER"), objects, variants) == success(objects)
    assert variants.made == []


def test_a_class_refused_by_status_is_refused_too(tmp_path: Path, objects: list[Path]) -> None:
    def answer(stored_request: Request) -> bytes:
        return stored(stored_request, 0x0122 if stored_request.instance == objects[0].stem else 0)

    variants = Relabelled(tmp_path, objects)
    with scripted(StorageScript(answer=answer)) as port:
        report = send(route(port, "PEER"), objects[:1], variants)
    assert report == SendReport((SentObject(variants.made[0], 0),))


def test_a_peer_that_takes_no_report_gets_the_page_all_the_same(tmp_path: Path, objects: list[Path]) -> None:
    variants = Relabelled(tmp_path, objects)
    with scripted(StorageScript(takes=(SC,))) as port:
        report = send(route(port, "PEER"), objects, variants)
    assert report == SendReport((SentObject(objects[1].stem, 0),), Failure.NOT_ACCEPTED)
    assert variants.made == [], "nothing is made that nobody takes"


def test_a_peer_that_answers_an_echo_with_nonsense_is_not_alive() -> None:
    def script(connection: socket.socket) -> None:
        StorageScript(syntax="1.2.840.10008.1.2").accept(connection)
        read_pdu(connection)
        connection.sendall(p_data(1, 3, struct.pack("<HHIH", 0, 0x0100, 2, 0x8030)))
        connection.recv(1)

    with scripted(script) as port:
        assert echo(route(port, "PEER", dimse_timeout_seconds=1.0)) is Failure.BROKEN_OFF
