"""The socket of an association, and the rules of how fast a peer has to be."""

import gc
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.fakes import ManualClock
from support.waiting import wait_until

from hounsfield.daemon.reception.association_socket import (
    BUFFER_BYTES,
    BufferedAssociationSocket,
    Pace,
    Progress,
    TooLong,
    TooSlow,
)

PACE = Pace(stall_seconds=20, grace_seconds=10, bytes_per_second=1000)


class TestProgress:
    """With a clock that moves when told."""

    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock()

    @pytest.fixture
    def progress(self, clock: ManualClock) -> Progress:
        return Progress(PACE, clock.monotonic)

    def test_nothing_is_due_while_nothing_has_begun(self, progress: Progress, clock: ManualClock) -> None:
        assert progress.seconds_left() is None
        clock.advance(10**6)
        assert progress.seconds_left() is None

    def test_the_grace_counts_from_the_beginning_however_little_comes(
        self, progress: Progress, clock: ManualClock
    ) -> None:
        progress.moved(0)
        for _ in range(9):
            clock.advance(1)
            progress.moved(1)
        assert progress.seconds_left() == 1
        clock.advance(1.5)
        with pytest.raises(TooSlow):
            progress.seconds_left()

    def test_who_keeps_the_rate_has_as_long_as_it_takes(self, progress: Progress, clock: ManualClock) -> None:
        for _ in range(100):
            progress.moved(1000)
            clock.advance(1)
            assert progress.seconds_left() is not None

    def test_silence_has_its_own_limit_however_much_came_before(self, progress: Progress, clock: ManualClock) -> None:
        progress.moved(10**6)
        assert progress.seconds_left() == 20
        clock.advance(19)
        assert progress.seconds_left() == 1
        clock.advance(1.1)
        with pytest.raises(TooSlow):
            progress.seconds_left()

    def test_what_is_begun_next_earns_nothing_from_what_was_before(
        self, progress: Progress, clock: ManualClock
    ) -> None:
        progress.moved(10**6)
        progress.rest()
        assert progress.seconds_left() is None
        progress.begin(5)
        clock.advance(10.1)
        with pytest.raises(TooSlow):
            progress.seconds_left()

    def test_to_begin_again_changes_nothing(self, progress: Progress, clock: ManualClock) -> None:
        progress.begin(0)
        clock.advance(9)
        progress.begin(10**6)
        assert progress.seconds_left() == 1

    def test_the_wall_clock_does_not_matter(self, progress: Progress, clock: ManualClock) -> None:
        progress.moved(1)
        for step in (3600, -7200):
            clock.step(step)
            assert progress.seconds_left() == 10


@dataclass
class Line:
    """Both ends of a connection: the peer's is a plain socket."""

    wire: BufferedAssociationSocket
    peer: socket.socket
    clock: ManualClock
    events: "queue.Queue[str]"
    messages: "queue.Queue[object]" = field(default_factory=queue.Queue)


def pair() -> tuple[socket.socket, socket.socket]:
    """A TCP connection to ourselves: ours and theirs."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        theirs = socket.create_connection(listener.getsockname(), timeout=5)
        ours, _ = listener.accept()
    return ours, theirs


def opened(first_bytes: bytes = b"", pace: Pace = PACE, monotonic: Callable[[], float] | None = None) -> Line:
    ours, theirs = pair()
    clock, events, messages = ManualClock(), queue.Queue[str](), queue.Queue[object]()
    monotonic = monotonic or clock.monotonic
    association: Any = SimpleNamespace(
        dul=SimpleNamespace(event_queue=events), dimse=SimpleNamespace(msg_queue=messages)
    )
    wire = BufferedAssociationSocket(association, ours, first_bytes, pace=pace, longest_pdu=1000, monotonic=monotonic)
    assert events.get_nowait() == "Evt5", "a transport connection is indicated"
    return Line(wire, theirs, clock, events, messages)


@pytest.fixture
def line() -> Iterator[Line]:
    made = opened(b"first")
    yield made
    made.wire.dispose()
    made.peer.close()


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def fill(line: Line) -> int | None:
    line.wire.wait(5)
    return line.wire.fill()


def test_what_was_read_before_comes_first(line: Line) -> None:
    line.peer.sendall(b" second")
    assert line.wire.ready
    assert line.wire.recv(3) == b"fir"
    assert line.wire.recv(9) == b"st second"
    assert not line.wire.ready


def test_filling_appends_to_the_buffer_and_says_what_came(line: Line) -> None:
    assert line.wire.fill() is None
    line.peer.sendall(b"+more")
    assert fill(line) == 5
    assert bytes(line.wire.view[line.wire.start : line.wire.end]) == b"first+more"
    line.peer.close()
    assert fill(line) == 0


def test_what_nobody_has_read_yet_is_seen_from_outside(line: Line) -> None:
    assert line.wire.has_unread
    line.wire.recv(5)
    assert not line.wire.has_unread
    line.peer.sendall(b"more")
    wait_until(lambda: line.wire.has_unread)
    line.wire.recv(4)
    assert not line.wire.has_unread
    line.wire.dispose()
    assert not line.wire.has_unread


def test_compacting_keeps_what_is_not_consumed(line: Line) -> None:
    line.wire.start = 3
    line.wire.compact()
    assert (line.wire.start, line.wire.end, bytes(line.wire.view[:2])) == (0, 2, b"st")
    line.wire.end = BUFFER_BYTES
    assert not line.wire.has_room


def test_a_peer_that_closes_inside_a_pdu_gives_what_there_was(line: Line) -> None:
    line.peer.close()
    assert line.wire.recv(100) == b"first"


def test_more_than_was_agreed_is_not_even_waited_for(line: Line) -> None:
    with pytest.raises(TooLong):
        line.wire.recv(1001)


def test_who_is_silent_inside_a_pdu_is_too_slow(line: Line) -> None:
    found: list[BaseException] = []

    def read() -> None:
        try:
            line.wire.recv(100)
        except TooSlow as slow:
            found.append(slow)

    reader = threading.Thread(target=read)
    reader.start()
    wait_until(lambda: line.wire.start == line.wire.end == 0)
    line.clock.advance(30)
    line.wire.wake()
    reader.join(5)
    assert len(found) == 1


def test_a_wait_ends_when_somebody_wakes_it_and_the_next_one_waits_again(line: Line) -> None:
    line.wire.wake()
    line.wire.wake()
    line.wire.wait(60)
    waiter = threading.Thread(target=line.wire.wait, args=(60,))
    waiter.start()
    line.wire.wake()
    waiter.join(5)
    assert not waiter.is_alive()


def test_while_a_message_waits_to_be_served_the_peer_is_not_read(line: Line) -> None:
    line.messages.put("a message")
    assert not line.wire.ready
    line.messages.get()
    assert line.wire.ready


def test_sending_to_a_peer_that_does_not_read_ends_the_connection_after_the_longest_silence() -> None:
    line = opened(pace=Pace(stall_seconds=0.2, grace_seconds=10, bytes_per_second=1000), monotonic=time.monotonic)
    begun = time.monotonic()
    line.wire.send(bytes(50_000_000))
    assert 0.2 <= time.monotonic() - begun < 5
    assert line.events.get_nowait() == "Evt17"
    with pytest.raises(TooSlow):
        line.wire.send_all(bytes(1_000_000))
    line.wire.dispose()
    line.peer.close()


def test_sending_to_a_peer_that_is_gone_is_an_end(line: Line) -> None:
    line.peer.close()

    def gone() -> bool:
        line.wire.send(bytes(1000))
        return not line.events.empty()

    wait_until(gone)
    assert line.events.get_nowait() == "Evt17"


def test_closing_in_another_thread_keeps_the_descriptor_until_the_reader_gives_it_back(line: Line) -> None:
    descriptor = line.wire._opened.fileno()
    line.wire.close()
    assert line.peer.recv(1) == b"", "the connection is over"
    assert line.wire._opened.fileno() == descriptor, "nobody else can get its number"
    with pytest.raises(OSError, match="closed"):
        line.wire.fill()
    assert not line.wire.ready
    line.wire.dispose()
    assert line.wire._opened.fileno() == -1
    line.wire.wake()  # harmless


def test_to_dispose_twice_is_harmless_and_leaves_no_descriptor() -> None:
    before = descriptors()
    made = opened()
    made.wire.dispose()
    made.wire.dispose()
    made.peer.close()
    assert descriptors() == before


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_socket_that_nobody_could_dispose_of_leaves_no_descriptor_either() -> None:
    gc.collect()
    before = descriptors()
    made = opened()
    made.peer.close()
    del made
    gc.collect()
    assert descriptors() == before
