"""Nobody holds a place for ever: silence, slowness and a peer that does not read end an association in time.

The deadlines are short here; what is asserted is that they are kept, not how exactly.
"""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.datasets import element, tiny
from support.pdu_wire import Wire, connected, cut, dial, echo, p_data, pdv, store_command, store_message
from support.reception import Reception, receiving
from support.waiting import wait_until
from support.wire import LAST

DATA = tiny(more=element(0x7FE00010, b"OW", bytes(40_000)))
MESSAGE = store_message(DATA, longest_pdu=4096)
STALL, GRACE, RATE = 0.4, 0.4, 20_000


@pytest.fixture(scope="module")
def reception(tmp_path_factory: pytest.TempPathFactory, short_path: bool) -> Iterator[Reception]:
    with receiving(
        tmp_path_factory.mktemp("reception"),
        short_path=short_path,
        pdu_timeout_seconds=STALL,
        slow_grace_seconds=GRACE,
        min_bytes_per_second=RATE,
    ) as running:
        yield running


@pytest.fixture
def wire(reception: Reception) -> Iterator[Wire]:
    with dial(reception.port) as opened:
        opened.associate()
        yield opened
    wait_until(lambda: not reception.receiver._running())


def assert_ended(wire: Wire, begun: float) -> None:
    assert wire.ending(3) in ("abort", "closed")  # the library's own reading closes without a word
    assert time.monotonic() - begun < 3


@pytest.mark.parametrize("sent", [1, 5, 6, 9, 12, 50, 3000, 9000], ids=lambda count: f"{count}-bytes")
def test_who_falls_silent_inside_a_pdu_is_ended(reception: Reception, wire: Wire, sent: int) -> None:
    before = set(reception.files())
    begun = time.monotonic()
    wire.send(MESSAGE[:sent])
    assert_ended(wire, begun)
    wait_until(lambda: set(reception.files()) == before)


def test_who_falls_silent_between_two_pdus_of_a_message_is_ended(reception: Reception, wire: Wire) -> None:
    begun = time.monotonic()
    wire.send(p_data(store_command("1.2.3.4")), p_data(pdv(1, 0, DATA[:1000])))
    assert_ended(wire, begun)


def test_silence_between_messages_is_no_fault(wire: Wire) -> None:
    for _ in range(2):
        wire.send(MESSAGE, echo(9))
        assert sorted(wire.statuses(2)) == [(7, 0), (9, 0)]
        time.sleep(2 * STALL)  # longer than any deadline inside a message
    wire.send(echo(3))
    assert wire.statuses(1) == [(3, 0)]


def drip(wire: Wire, parts: list[bytes], pause: float) -> None:
    """Send a part at a time until the peer ends it."""
    for part in parts:
        try:
            wire.send(part)
        except OSError:
            return
        time.sleep(pause)


def slow_parts(kind: str) -> list[bytes]:
    if kind == "bytes":
        return cut(MESSAGE, 50)
    return [p_data(store_command("1.2.3.4")), *(p_data(pdv(1, 0, part)) for part in cut(DATA, 50))]


@pytest.mark.parametrize("kind", ["bytes", "whole PDUs"])
def test_who_is_slower_than_the_minimum_rate_is_ended_though_never_silent(wire: Wire, kind: str) -> None:
    begun = time.monotonic()
    dripping = threading.Thread(target=drip, args=(wire, slow_parts(kind)[:100], 0.04))  # 1,250 bytes/s
    dripping.start()
    assert_ended(wire, begun)
    wire.socket.close()
    dripping.join()


def test_haste_before_earns_nobody_the_right_to_be_slow(wire: Wire, short_path: bool) -> None:
    """Messages without a pause between them are judged one by one."""
    # The library sends no answer while it reads a PDU: there, nothing may come behind until all are answered.
    begun_early = MESSAGE[:100] if short_path else b""
    answers: list[tuple[int, int]] = []
    reader = threading.Thread(target=lambda: answers.extend(wire.statuses(50)))
    reader.start()
    wire.send(MESSAGE * 50 + begun_early)  # two megabytes at once: at the minimum rate, 100 s
    reader.join()
    assert answers == [(7, 0)] * 50
    begun = time.monotonic()
    dripping = threading.Thread(target=drip, args=(wire, cut(MESSAGE[len(begun_early) :], 50)[:100], 0.04))
    dripping.start()
    assert_ended(wire, begun)
    wire.socket.close()
    dripping.join()


def test_who_keeps_the_minimum_rate_may_take_longer_than_any_deadline(reception: Reception, wire: Wire) -> None:
    begun = time.monotonic()
    for part in cut(MESSAGE, 4000):
        wire.send(part)
        time.sleep(0.12)  # 30 kB/s
    assert wire.statuses(1) == [(7, 0)]
    assert time.monotonic() - begun > STALL + GRACE


def test_steps_of_the_wall_clock_end_no_association_and_extend_no_deadline(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time
    for step in (3600, -3600):
        monkeypatch.setattr(time, "time", lambda step=step: now() + step)
        wire.send(MESSAGE, echo(9))
        assert sorted(wire.statuses(2)) == [(7, 0), (9, 0)]
    begun = time.monotonic()
    wire.send(MESSAGE[:3000])
    assert_ended(wire, begun)


def test_silence_of_an_association_has_an_end_whatever_the_wall_clock_says(
    tmp_path: Path, short_path: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time
    with (
        receiving(tmp_path, short_path=short_path, network_timeout_seconds=0.5) as reception,
        dial(reception.port) as wire,
    ):
        wire.associate()
        monkeypatch.setattr(time, "time", lambda: now() - 3600)
        begun = time.monotonic()
        assert wire.ending(5) == "abort"
        assert 0.4 < time.monotonic() - begun < 4


def test_who_does_not_read_our_answers_is_ended_and_holds_up_nobody(reception: Reception) -> None:
    listener: Any = reception.receiver._servers[0].listener
    before = listener.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) // 2
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # connections inherit it: it is full soon
    try:
        deaf = dial(reception.port, receive_buffer=4096)
    finally:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, before)
    refused = p_data(store_command("1.2.3.4"), pdv(1, LAST, b""))
    with deaf:
        deaf.associate()
        talking = threading.Thread(target=drip, args=(deaf, [refused * 10] * 100, 0.0))
        talking.start()
        with connected(reception.port) as other:
            other.send(echo())
            assert other.statuses(1) == [(7, 0)]
        wait_until(lambda: not reception.receiver._running(), 5)
    talking.join()


def test_a_message_larger_than_allowed_is_refused_before_it_fills_the_memory(tmp_path: Path, short_path: bool) -> None:
    mib = 1024 * 1024
    with (
        receiving(tmp_path, short_path=short_path, max_instance_bytes=mib, max_pdu_bytes=mib) as reception,
        dial(reception.port) as wire,
    ):
        wire.associate()
        wire.send(p_data(store_command("1.2.3.4")))
        if short_path:
            wire.send(*[p_data(pdv(1, 0, bytes(100_000)))] * 20, p_data(pdv(1, LAST, b"")))
            assert wire.statuses(1) == [(7, 0xA700)]
        else:  # the library can answer whole messages only; it keeps them in memory until then
            drip(wire, [p_data(pdv(1, 0, bytes(100_000)))] * 20, 0.0)
            assert wire.ending(2) in ("abort", "closed")
        assert reception.files() == []
