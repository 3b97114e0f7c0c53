"""Attacks by number: connections that are silent, stuck in a PDU, dripping or idle, and those already gone."""

import time
from contextlib import suppress
from dataclasses import dataclass

from support.attacks.crowd import Crowd, Script
from support.attacks.watch import Watch
from support.wire import (
    ABORT,
    ASSOCIATE_RQ,
    ATTACKER,
    COMMAND,
    LAST,
    P_DATA,
    Connection,
    associate_rq,
    c_store_rq,
    p_data,
    pdu,
)

_REQUEST = associate_rq(calling="ATTACKER")
_BEGUN_STORE = p_data(1, COMMAND | LAST, c_store_rq("1.2.3.4"))

_BEGUN_FRAGMENT = b"\0\0\x3e\x7c\x01\0"
"""A PDV of 15996 bytes in context 1, not the last one."""

SILENT = Script()
ONE_BYTE = Script(b"\x01")
HALF_HEADER = Script(_REQUEST[:3])
HALF_REQUEST = Script(_REQUEST[: len(_REQUEST) // 2])
UNREADABLE = pdu(ASSOCIATE_RQ, bytes(200))
DRIPPING_REQUEST = Script(_REQUEST[:8], drip=b"\0", drip_seconds=0.1)
"""Never silent for long, never complete: only a deadline for the whole helps."""
IDLE_ASSOCIATION = Script(_REQUEST)
HALF_MESSAGE = Script(_REQUEST, after_answer=_BEGUN_STORE)
"""A command set whose data set never comes."""
HALF_PDU = Script(_REQUEST, after_answer=_BEGUN_STORE + pdu(P_DATA, _BEGUN_FRAGMENT + bytes(100), length=16000))
DRIPPING_STORE = Script(
    _REQUEST, after_answer=_BEGUN_STORE + pdu(P_DATA, _BEGUN_FRAGMENT, length=16000), drip=b"\0", drip_seconds=0.1
)
"""One byte at a time inside one P-DATA-TF PDU."""
DRIPPING_FRAGMENTS = Script(_REQUEST, after_answer=_BEGUN_STORE, drip=p_data(1, 0, bytes(50)), drip_seconds=0.1)
"""Whole small PDUs, never the last one: only a minimum rate of the message helps."""
SLOW_SENDER = Script(_REQUEST, after_answer=_BEGUN_STORE, drip=p_data(1, 0, bytes(500)), drip_seconds=0.1)
"""5 kB/s."""


@dataclass(frozen=True, slots=True)
class Siege:
    """What became of a crowd."""

    opened: int
    accepted: int
    rejected: int
    ended: int
    longest_seconds: float
    """How long the connection lived that lived longest; infinite if the server has not ended all of them."""

    def __str__(self) -> str:
        if self.ended < self.opened:
            return f"{self.opened - self.ended} of {self.opened} stay"
        return f"all ended, the last after {self.longest_seconds:.1f} s"


def besiege(
    watch: Watch,
    port: int,
    script: Script,
    count: int,
    *,
    stand_seconds: float,
    until_gone_seconds: float = 0.0,
    source: str = ATTACKER,
) -> Siege:
    """Open ``count`` connections, stand for a while, then wait until the server has ended them, then go."""
    with Crowd(port, count, script, source) as crowd:
        with suppress(AssertionError):  # a server that is blocked may not take them all: it is seen in the figures
            crowd.wait_until_open()
        with watch.standing():
            time.sleep(stand_seconds)
        crowd.wait_until_gone(until_gone_seconds)
        return Siege(crowd.opened, crowd.accepted, crowd.rejected, len(crowd.ended_after), crowd.longest_seconds)


def garbage_and_gone(port: int, count: int) -> int:
    """Connect, say garbage and go, half of them by reset; return how many."""
    for number in range(count):
        connection = Connection.open(port)
        connection.send(b"GET / HTTP/1.1\r\nHost: dicom\r\n\r\n" if number % 3 else pdu(ABORT, bytes(4)))
        if number % 2:
            connection.reset()
        else:
            connection.close()
    return count


def unreadable_and_gone(port: int, count: int) -> int:
    """Ask for associations in requests that are whole PDUs and yet no requests, and go; return how many."""
    for _ in range(count):
        connection = Connection.open(port)
        connection.send(UNREADABLE)
        connection.close()
    return count
