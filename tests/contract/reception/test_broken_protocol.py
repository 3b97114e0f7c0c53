"""Senders that break the protocol: the association ends at once, by A-ABORT where that can still be said.

Where the library's own path may do otherwise, ``LIBRARY`` says how: it takes less exactly what PS3.8 and PS3.7 say, or
closes the connection where we send an A-ABORT before. It must neither keep anything nor hold a place.
"""

import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from support.datasets import element, tiny
from support.pdu_wire import (
    Wire,
    associate_request,
    command_of,
    connected,
    dial,
    echo,
    p_data,
    pdv,
    store_command,
)
from support.reception import Reception
from support.waiting import wait_until
from support.wire import COMMAND, LAST, VERIFICATION, pdu

UID, OTHER_UID, ECHO = "1.2.3.66", "1.2.3.67", command_of(0x0030)
DATA = tiny(instance=UID, more=element(0x7FE00010, b"OW", bytes(1000)))
HEAD, TAIL = DATA[:500], DATA[500:]
COMMAND_PDU = p_data(store_command(UID))
WHOLE = p_data(store_command(OTHER_UID), pdv(1, LAST, tiny(instance=OTHER_UID)))


@dataclass(frozen=True)
class Case:
    """What is sent on an open association, and how it ends."""

    sent: bytes
    library: tuple[str, ...] = ("abort",)
    """How it may end on the library's own path; ``"alive"`` where the library takes no offence."""
    ours: str = "abort"


CASES = {
    "a PDU of no known type": Case(pdu(0x08, bytes(10))),
    "a PDU of type 0": Case(pdu(0x00, bytes(10))),
    "a P-DATA-TF longer than agreed": Case(struct.pack(">BxI", 4, 1048577), library=("closed",)),
    "a P-DATA-TF of 4 GiB": Case(struct.pack(">BxI", 4, 2**32 - 1) + bytes(100_000), library=("closed",)),
    # PDUs that are no P-DATA-TF are the library's on both paths.
    "an A-RELEASE-RQ of 4 GiB": Case(struct.pack(">BxI", 5, 2**32 - 1), library=("closed",), ours="closed"),
    "an A-ASSOCIATE-RQ inside an association": Case(associate_request()),
    "an A-ASSOCIATE-AC": Case(associate_request().replace(b"\1", b"\2", 1)),
    "an A-RELEASE-RP that nobody asked for": Case(pdu(0x06, bytes(4))),
    "a P-DATA-TF that holds nothing": Case(p_data(), library=("alive",)),
    "a P-DATA-TF too short for a PDV": Case(pdu(4, bytes(5)), library=("abort", "alive")),
    "a PDV of length 0": Case(pdu(4, struct.pack(">IBB", 0, 1, 3) + bytes(8)), library=("abort", "alive")),
    "a PDV of length 1": Case(pdu(4, struct.pack(">IBB", 1, 1, 3) + bytes(8)), library=("abort", "alive")),
    "a PDV longer than its PDU": Case(pdu(4, struct.pack(">IBB", 100, 1, 3) + bytes(8)), library=("abort", "alive")),
    "a PDU with a rest behind its last PDV": Case(pdu(4, pdv(1, 0, b"x") + b"abc"), library=("abort", "alive")),
    "a data set without a command": Case(p_data(pdv(1, LAST, DATA))),
    # The library drops what follows a last fragment in its PDU.
    "a second last fragment": Case(p_data(WHOLE[6:], pdv(1, LAST, b"")), library=("alive",)),
    "a second last fragment in a PDU of its own": Case(WHOLE + p_data(pdv(1, LAST, b""))),
    "a data set of another context than its command": Case(
        COMMAND_PDU + p_data(pdv(3, LAST, DATA)), library=("alive",)
    ),
    "fragments of two contexts mixed": Case(
        COMMAND_PDU + p_data(pdv(1, 0, HEAD), pdv(3, 0, HEAD), pdv(1, LAST, TAIL)), library=("alive",)
    ),
    "two commands mixed": Case(
        p_data(pdv(1, COMMAND, ECHO[:20]), pdv(5, COMMAND | LAST, ECHO)),
        library=("abort", "alive", "closed"),
    ),
    "a command inside a data set": Case(
        COMMAND_PDU + p_data(pdv(1, 0, HEAD), store_command(UID)), library=("abort", "alive", "closed")
    ),
    "a store in a context that was not proposed": Case(
        p_data(store_command(UID, context=9), pdv(9, LAST, DATA)), library=("abort",)
    ),
    "an echo in a context that was not proposed": Case(echo(context=9)),
    "a command set that is none": Case(p_data(pdv(1, COMMAND | LAST, b"\xff" * 40)), library=("abort", "closed")),
    "a command set that ends inside an element": Case(
        p_data(pdv(1, COMMAND | LAST, ECHO[:-1])), library=("abort", "closed")
    ),
    "an empty command set": Case(p_data(pdv(1, COMMAND | LAST, b"")), library=("abort", "closed")),
    "a command of no known kind": Case(p_data(pdv(5, COMMAND | LAST, command_of(0x7777))), library=("abort", "closed")),
    "a command without end": Case(p_data(*[pdv(1, COMMAND, bytes(1000))] * 20), library=("abort", "alive")),
    "an unknown kind with an endless data set": Case(
        p_data(pdv(5, COMMAND | LAST, command_of(0x0020, dataset=True))) + p_data(pdv(5, 0, bytes(60_000))) * 20,
        library=("alive",),
    ),
}


@pytest.fixture
def wire(reception: Reception) -> Iterator[Wire]:
    with dial(reception.port) as opened:
        opened.associate()
        yield opened


@pytest.fixture
def unhandled(monkeypatch: pytest.MonkeyPatch) -> list[threading.ExceptHookArgs]:
    """Exceptions that ended a thread."""
    found: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", found.append)
    return found


@pytest.mark.parametrize("name", CASES)
def test_a_broken_protocol_ends_the_association_within_a_second(
    reception: Reception, wire: Wire, short_path: bool, unhandled: list[threading.ExceptHookArgs], name: str
) -> None:
    before = {one.sop_instance_uid for one in reception.store.receipts}
    begun = time.monotonic()
    wire.send(CASES[name].sent)
    expected = (CASES[name].ours,) if short_path else CASES[name].library
    assert ending_of(wire, expected) in expected
    assert time.monotonic() - begun < 1.5
    wire.socket.close()
    wait_until(lambda: not reception.receiver._running())
    assert unhandled == []
    if short_path:  # the library may take two messages for one: what it puts together is judged, and perhaps kept
        assert {one.sop_instance_uid for one in reception.store.receipts} - before <= {OTHER_UID}
    with connected(reception.port) as next_one:
        next_one.send(echo(9))
        assert next_one.statuses(1) == [(9, 0)]


def ending_of(wire: Wire, expected: tuple[str, ...]) -> str:
    if "alive" not in expected:
        return wire.ending(3)
    try:
        return wire.ending(0.3)
    except TimeoutError:
        return "alive"


def test_what_comes_behind_the_fault_is_neither_read_as_pdus_nor_logged(
    reception: Reception, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    garbage = bytes(range(8, 256)) * 4000
    wire.send(pdu(0xFF, b""))
    for _ in range(20):
        try:
            wire.send(garbage)
        except OSError:
            break
    wire.ending()
    wait_until(lambda: not reception.receiver._running())
    assert len(caplog.records) < 20


def test_nothing_is_stored_as_an_instance_of_verification(reception: Reception, wire: Wire, short_path: bool) -> None:
    before = set(reception.files())
    wire.send(p_data(store_command(UID, sop_class=VERIFICATION, context=5)))
    wire.send(p_data(pdv(5, LAST, tiny(sop_class=VERIFICATION, instance=UID))))
    answer = wire.answer()
    if short_path:
        assert (answer.field, answer.status) == (0x8001, 0xA900)
    else:  # the library chooses the service by the SOP class alone
        assert (answer.field, answer.status) == (0x8030, 0x0000)
    assert set(reception.files()) <= before


def test_requests_that_cannot_be_read_hold_no_place(
    reception: Reception, unhandled: list[threading.ExceptHookArgs]
) -> None:
    whole = associate_request()
    broken = [
        whole[:100] + b"\xff" * (len(whole) - 100),
        whole[:10] + b"\n" * 16 + whole[26:],
        pdu(1, b""),
        whole[:6] + b"\0\2" + whole[8:],  # another version of the protocol: the library rejects it itself
    ]
    begun = time.monotonic()
    for number in range(120):  # more than there are places
        with dial(reception.port) as wire:
            wire.send(broken[number % 4] if number < 20 else broken[3])
            assert wire.ending(5) in ("abort", "closed")
    with connected(reception.port) as wire:
        wire.send(echo())
        assert wire.statuses(1) == [(7, 0)]
    assert time.monotonic() - begun < 5
    wait_until(lambda: not reception.receiver._running(), 2)
    assert unhandled == []
