"""What an archive may send instead of an answer, and that it is bounded in time, size and number."""

import logging
import socket
import struct
import threading
import time
import traceback
from collections.abc import Iterator

import pytest
from pynetdicom.acse import ACSE
from support.peers import free_port
from support.query_peers import (
    FINAL,
    Archive,
    answering,
    archive,
    identifier,
    peer_at,
    pending,
    response,
    values,
)
from support.scripted import Script, associate_ac, read_pdu, scripted
from support.waiting import wait_until
from support.wire import LAST, P_DATA, pdu

from hounsfield.daemon.association.link import MOST_BYTES
from hounsfield.daemon.query.archive import Unanswered, Why
from hounsfield.daemon.query.scu import MOST_RESPONSES
from hounsfield.daemon.query.series_images import MOST_IMAGES, images_of

STUDY, SERIES = "1.2.3", "1.2.3.4"
DEFLATED = "1.2.840.10008.1.2.1.99"


def match(images: bytes | None = b"28", series: str = SERIES, study: str = STUDY) -> bytes:
    return pending(identifier(study, series, images))


@pytest.fixture(scope="module")
def library() -> Iterator[Archive]:
    with archive() as running:
        yield running


def silent(connection: socket.socket) -> None:
    while connection.recv(4096):
        pass


def slowly(connection: socket.socket) -> None:
    read_pdu(connection)
    for byte in associate_ac():
        connection.sendall(bytes((byte,)))
        time.sleep(0.05)  # a peer that is slow on purpose


def answering_slowly(connection: socket.socket) -> None:
    read_pdu(connection)
    connection.sendall(associate_ac())
    for _ in range(MOST_RESPONSES):
        connection.sendall(match())
        time.sleep(0.05)  # each answer in time, all of them not


def rejecting(connection: socket.socket) -> None:
    read_pdu(connection)
    connection.sendall(pdu(3, bytes((0, 1, 1, 7))))


def refusing_the_context(connection: socket.socket) -> None:
    read_pdu(connection)
    connection.sendall(associate_ac({1: 3}))


def taking_another_syntax(connection: socket.socket) -> None:
    read_pdu(connection)
    connection.sendall(associate_ac(syntax=DEFLATED))
    silent(connection)


def hanging_up(connection: socket.socket) -> None:
    read_pdu(connection)


def nested() -> bytes:
    """Return an answer whose sequences hold each other, of undefined length."""
    return pending((struct.pack("<HHI", 8, 0x1140, 2**32 - 1) + struct.pack("<HHI", 0xFFFE, 0xE000, 2**32 - 1)) * 1000)


CASES: dict[str, tuple[Script, Why]] = {
    "says nothing": (silent, Why.TOO_SLOW),
    "sends a byte now and then": (slowly, Why.TOO_SLOW),
    "answers now and then": (answering_slowly, Why.TOO_SLOW),
    "hangs up": (hanging_up, Why.BROKE_OFF),
    "rejects the association": (rejecting, Why.REJECTED),
    "does not take C-FIND": (refusing_the_context, Why.REJECTED),
    "takes a transfer syntax that was not proposed": (taking_another_syntax, Why.REJECTED),
    "aborts after the question": (answering(pdu(7, bytes(4))), Why.BROKE_OFF),
    "speaks another protocol": (lambda c: c.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Why.BROKEN),
    "announces a PDU of 4 GiB": (answering(struct.pack(">BBI", 4, 0, 0xFFFFFFFF)), Why.TOO_SLOW),
    "sends a PDU of 4 GiB": (answering(struct.pack(">BBI", 4, 0, 0xFFFFFFFF), *[bytes(65536)] * 99), Why.BROKEN),
    "sends fragments without end": (answering(*[values((0x01, b"x" * 16000))] * 80), Why.BROKEN),
    "sends long answers without end": (answering(*[pending(bytes(16000))] * 80), Why.BROKEN),
    "sends empty fragments without end": (answering(*[pdu(P_DATA, b"")] * MOST_BYTES), Why.BROKEN),
    "answers another question": (answering(values((3, response(0, has_dataset=False, field=0x8001)))), Why.BROKEN),
    "sends a data set without a command": (answering(values((LAST, b""))), Why.TOO_SLOW),
    "sends a command that is none": (answering(values((3, b"\x08\x00\x52"))), Why.BROKEN),
    "sends a PDV longer than its PDU": (answering(pdu(P_DATA, struct.pack(">IBB", 999, 1, 3))), Why.TOO_SLOW),
    "sends a PDV shorter than its head": (answering(pdu(P_DATA, struct.pack(">IBB", 1, 1, 3))), Why.TOO_SLOW),
    "sends half an element": (answering(pending(b"\x08\x00\x52"), FINAL), Why.NONSENSE),
    "sends a sequence without end": (answering(pending(struct.pack("<HHI", 8, 0x1140, 2**32 - 1)), FINAL), Why.BROKEN),
    "sends sequences in sequences": (answering(nested(), FINAL), Why.BROKEN),
    "is out of resources": (answering(values((3, response(0xA700, has_dataset=False)))), Why.BUSY),
    "fails": (answering(values((3, response(0xC001, has_dataset=False)))), Why.FAILED),
    "cancels by itself": (answering(values((3, response(0xFE00, has_dataset=False)))), Why.FAILED),
    "knows no such series": (answering(FINAL), Why.NO_MATCH),
    "has two matches": (answering(match(), match(), FINAL), Why.AMBIGUOUS),
    "sends all that it has": (answering(*[match()] * (MOST_RESPONSES + 2)), Why.AMBIGUOUS),
    "means another series": (answering(match(series="1.2.3.5"), FINAL), Why.NONSENSE),
    "means another study": (answering(match(study="1.2.4"), FINAL), Why.NONSENSE),
    "gives no number": (answering(match(None), FINAL), Why.NONSENSE),
    "gives an empty number": (answering(match(b""), FINAL), Why.NONSENSE),
    "gives a negative number": (answering(match(b"-3"), FINAL), Why.NONSENSE),
    "gives zero": (answering(match(b"0"), FINAL), Why.NONSENSE),
    "gives a huge number": (answering(match(b"2147483647"), FINAL), Why.NONSENSE),
    "gives a number that is just too large": (answering(match(str(MOST_IMAGES + 1).encode()), FINAL), Why.NONSENSE),
    "gives a fraction": (answering(match(b"1.5"), FINAL), Why.NONSENSE),
    "gives two numbers": (answering(match(b"3\\4"), FINAL), Why.NONSENSE),
    "gives digits of another script": (answering(match("\u0663".encode()), FINAL), Why.NONSENSE),
}


@pytest.mark.parametrize(("script", "why"), CASES.values(), ids=CASES)
def test_no_number_and_no_thread_is_left_by_an_archive_that(script: Script, why: Why) -> None:
    before = set(threading.enumerate())
    with scripted(script) as port, pytest.raises(Unanswered) as caught:
        images_of(peer_at(port, seconds=0.4 if why is Why.TOO_SLOW else 30.0), STUDY, SERIES)
    assert caught.value.why is why
    wait_until(lambda: set(threading.enumerate()) <= before)


@pytest.mark.parametrize(
    "script",
    [
        answering(match(), FINAL),
        answering(match(b"28 "), FINAL),
        answering(match(b"+28"), FINAL),
        answering(
            values((1, response(0xFF00, has_dataset=True)[:20])),
            values((3, response(0xFF00, has_dataset=True)[20:]), (0, identifier(STUDY, SERIES, b"28")[:11])),
            values((LAST, identifier(STUDY, SERIES, b"28")[11:])),
            FINAL,
        ),
        answering(match() + FINAL),
    ],
    ids=["plain", "padded", "signed", "in fragments", "in one segment"],
)
def test_a_number_is_read_however_it_comes(script: Script) -> None:
    with scripted(script) as port:
        assert images_of(peer_at(port), STUDY, SERIES) == 28


def test_an_answer_counts_even_if_the_archive_does_not_let_us_go() -> None:
    def script(connection: socket.socket) -> None:
        answering(match(), FINAL)(connection)
        silent(connection)

    with scripted(script) as port:
        assert images_of(peer_at(port), STUDY, SERIES) == 28


def test_a_rejection_is_told_even_if_it_is_there_before_we_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library takes it for a connection that was never made (an archive at hand, and a busy machine)."""
    send_request = ACSE.send_request

    def and_be_late(acse: ACSE) -> None:
        send_request(acse)
        wait_until(lambda: acse.dul.to_user_queue.qsize() > 0)
        wait_until(lambda: acse.dul.state_machine.current_state == "Sta1")

    monkeypatch.setattr(ACSE, "send_request", and_be_late)
    with scripted(rejecting) as port, pytest.raises(Unanswered) as caught:
        images_of(peer_at(port), STUDY, SERIES)
    assert caught.value.why is Why.REJECTED


def test_nobody_there_is_unreachable() -> None:
    with pytest.raises(Unanswered) as caught:
        images_of(peer_at(free_port()), STUDY, SERIES)
    assert caught.value.why is Why.UNREACHABLE


@pytest.mark.parametrize("end", [b"", struct.pack("<HHI", 0x20, 0x9999, 2**32 - 1)], ids=["readable", "broken"])
def test_nothing_of_what_an_archive_sends_is_told(
    end: bytes, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    name = struct.pack("<HHI", 0x10, 0x10, 12) + b"MUELLER^ANNA"
    answer = pending(name + identifier(STUDY, SERIES, b"ANNA") + end)
    with scripted(answering(answer, FINAL)) as port, pytest.raises(Unanswered) as caught:
        images_of(peer_at(port), STUDY, SERIES)
    told = "".join(traceback.format_exception(caught.value)) + caplog.text + "".join(capfd.readouterr())
    assert "ANNA" not in told
    assert SERIES not in caplog.text


def test_the_whole_exchange_keeps_to_its_time() -> None:
    began = time.monotonic()
    with scripted(slowly) as port, pytest.raises(Unanswered):
        images_of(peer_at(port, seconds=0.3), STUDY, SERIES)
    assert time.monotonic() - began < 2.0


@pytest.mark.parametrize("uid", ["*", "", "1.2.3.4\\1.2.3.5", "1.2.?", "1.2.3\n", "1..2", "1" * 65, "1.2." + "3" * 64])
def test_a_wild_card_or_list_is_never_sent(library: Archive, uid: str) -> None:
    asked = len(library.asked)
    for study, series in ((uid, SERIES), (STUDY, uid)):
        with pytest.raises(Unanswered) as caught:
            images_of(peer_at(library.port), study, series)
        assert caught.value.why is Why.NOT_A_UID
    assert len(library.asked) == asked


def test_the_question_is_what_the_standard_says(library: Archive) -> None:
    library.images[STUDY, SERIES] = 3
    assert images_of(peer_at(library.port), STUDY, SERIES) == 3
    keys = library.asked[-1]
    assert [element.keyword for element in keys] == [
        "QueryRetrieveLevel",
        "StudyInstanceUID",
        "SeriesInstanceUID",
        "NumberOfSeriesRelatedInstances",
    ]
    assert keys.QueryRetrieveLevel == "SERIES"
