"""What an archive may send instead of an answer, and that it is bounded in time, size and number."""

import socket
import struct
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.peers import free_port
from support.query_peers import (
    FINAL,
    Archive,
    Script,
    answering,
    archive,
    associate_ac,
    identifier,
    peer_at,
    pending,
    read_pdu,
    response,
    scripted,
    values,
)
from support.wire import LAST, P_DATA, pdu

from hounsfield.daemon.query import wire
from hounsfield.daemon.query.find import MOST_IMAGES, MOST_RESPONSES, NoNumber, Why, images_of

STUDY, SERIES = "1.2.3", "1.2.3.4"


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


def rejecting(connection: socket.socket) -> None:
    read_pdu(connection)
    connection.sendall(pdu(3, bytes((0, 1, 1, 7))))


def refusing_the_context(connection: socket.socket) -> None:
    read_pdu(connection)
    connection.sendall(associate_ac(result=3))


def hanging_up(connection: socket.socket) -> None:
    read_pdu(connection)


CASES: dict[str, tuple[Script, Why]] = {
    "says nothing": (silent, Why.TOO_SLOW),
    "sends a byte now and then": (slowly, Why.TOO_SLOW),
    "hangs up": (hanging_up, Why.BROKE_OFF),
    "rejects the association": (rejecting, Why.REJECTED),
    "does not take C-FIND": (refusing_the_context, Why.REJECTED),
    "aborts after the question": (answering(pdu(7, bytes(4))), Why.BROKE_OFF),
    "speaks another protocol": (lambda c: c.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Why.BROKEN),
    "announces a PDU of 4 GiB": (answering(struct.pack(">BBI", 4, 0, 0xFFFFFFFF)), Why.BROKEN),
    "sends fragments without end": (answering(*[values((0x01, b"x" * 16000))] * 80), Why.BROKEN),
    "sends empty fragments without end": (answering(*[pdu(P_DATA, b"")] * 200_000), Why.BROKEN),
    "answers in another context": (answering(values((3, response(0, has_dataset=False)), context_id=3)), Why.BROKEN),
    "answers another question": (answering(values((3, response(0, has_dataset=False, field=0x8001)))), Why.BROKEN),
    "sends a data set without a command": (answering(values((LAST, b""))), Why.BROKEN),
    "sends half an element": (answering(pending(b"\x08\x00\x52")), Why.BROKEN),
    "sends an element longer than the rest": (answering(pending(struct.pack("<HHI", 8, 0x52, 999))), Why.BROKEN),
    "sends a sequence of undefined length": (answering(pending(struct.pack("<HHI", 8, 0x1140, 2**32 - 1))), Why.BROKEN),
    "sends a PDV longer than its PDU": (answering(pdu(P_DATA, struct.pack(">IBB", 999, 1, 3))), Why.BROKEN),
    "sends a PDV shorter than its head": (answering(pdu(P_DATA, struct.pack(">IBB", 1, 1, 3))), Why.BROKEN),
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
def test_no_number_from_an_archive_that(script: Script, why: Why) -> None:
    with scripted(script) as port, pytest.raises(NoNumber) as caught:
        images_of(peer_at(port, seconds=0.4 if why is Why.TOO_SLOW else 5.0), STUDY, SERIES)
    assert caught.value.why is why


@pytest.mark.parametrize(
    "script",
    [
        answering(match(), FINAL),
        answering(match(b"28 "), FINAL),
        answering(match(b"+28"), FINAL),
        answering(
            values((1, response(0xFF00, has_dataset=True)[:20])),
            values((3, response(0xFF00, has_dataset=True)[20:]), (0, identifier(STUDY, SERIES, b"28")[:11])),
            values((LAST, identifier(STUDY, SERIES, b"28")[11:]), (3, response(0x0000, has_dataset=False))),
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


def test_nobody_there_is_unreachable() -> None:
    with pytest.raises(NoNumber) as caught:
        images_of(peer_at(free_port()), STUDY, SERIES)
    assert caught.value.why is Why.UNREACHABLE


def test_the_whole_exchange_keeps_to_its_time() -> None:
    began = time.monotonic()
    with scripted(slowly) as port, pytest.raises(NoNumber):
        images_of(peer_at(port, seconds=0.3), STUDY, SERIES)
    assert time.monotonic() - began < 2.0


@pytest.mark.parametrize("uid", ["*", "", "1.2.3.4\\1.2.3.5", "1.2.?", "1.2.3\n", "1..2", "1" * 65, "1.2." + "3" * 64])
def test_a_wild_card_or_list_is_never_sent(library: Archive, uid: str) -> None:
    asked = len(library.asked)
    for study, series in ((uid, SERIES), (STUDY, uid)):
        with pytest.raises(NoNumber) as caught:
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


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=400))
def test_whatever_bytes_come_they_are_read_or_refused(data: bytes) -> None:
    readers: list[Callable[[bytes], object]] = [wire.elements, lambda d: list(wire.fragments(d)), wire.is_accepted]
    for read in readers:
        try:
            read(data)
        except wire.Malformed:
            continue
