"""Fragments put together to messages: what is stored, what is passed on, and what breaks the protocol."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.pdu_wire import command_of, pieces_of
from support.wire import CT, c_store_rq, status_of

from hounsfield.daemon.reception.messages import AcceptedContext, MessageReader
from hounsfield.daemon.reception.status import Status
from hounsfield.daemon.reception.wire import BrokenProtocol, Command

SYNTAX = "1.2.840.10008.1.2.1"
IMAGES, ECHOES = AcceptedContext(CT, SYNTAX), AcceptedContext("1.2.840.10008.1.1", SYNTAX)


@dataclass
class Arriving:
    """Keeps copies of what is written, as a disk does."""

    command: Command
    context: AcceptedContext
    status: Status = Status.STORED
    data: bytes = b""
    writes: int = 0
    end: str = ""

    def write(self, pieces: list[memoryview]) -> None:
        assert self.end == ""
        assert pieces
        self.writes += 1
        self.data += b"".join(pieces)

    def finish(self) -> Status:
        assert self.end == ""
        self.end = "finished"
        return self.status

    def abandon(self) -> None:
        assert self.end == ""
        self.end = "abandoned"


@dataclass
class Handler:
    arrivals: list[Arriving] = field(default_factory=list)
    answers: list[bytes] = field(default_factory=list)
    passed_on: list[tuple[int, bytes, bytes | None]] = field(default_factory=list)
    status: Status = Status.STORED

    def begin_store(self, command: Command, context: AcceptedContext) -> Arriving:
        self.arrivals.append(Arriving(command, context, self.status))
        return self.arrivals[-1]

    def answer(self, response: bytes) -> None:
        self.answers.append(response)

    def pass_on(self, context_id: int, command: bytes, dataset: bytes | None) -> None:
        self.passed_on.append((context_id, command, dataset))


class Bench:
    def __init__(self) -> None:
        self.handler = Handler()
        self.reader = MessageReader({1: IMAGES, 3: IMAGES, 5: ECHOES}, self.handler)

    def command(self, data: bytes, context_id: int = 1, *, is_end: bool = True) -> bool:
        return self.reader.command_piece(context_id, memoryview(data), is_end=is_end)

    def dataset(self, data: bytes, context_id: int = 1, *, is_end: bool = True) -> bool:
        return self.reader.dataset_piece(context_id, memoryview(data), is_end=is_end)


@pytest.fixture
def bench() -> Bench:
    return Bench()


STORE = c_store_rq("1.2.3", message_id=9)


@given(st.binary(max_size=500), st.lists(st.integers(0, 500), max_size=8), st.lists(st.integers(0, 500), max_size=8))
def test_a_store_is_written_as_it_came_whatever_its_pieces(data: bytes, cuts: list[int], flushes: list[int]) -> None:
    bench = Bench()
    *head, tail = pieces_of(STORE, cuts)
    assert all(bench.command(piece, is_end=False) for piece in head)
    assert bench.command(tail)
    *head, tail = pieces_of(data, [*cuts, *flushes])
    for number, piece in enumerate(head):
        assert bench.dataset(piece, is_end=False)
        if number in flushes:
            bench.reader.flush()
    assert bench.reader.has_begun
    assert bench.reader.received == len(STORE) + sum(map(len, head))
    assert bench.dataset(tail)
    (arrival,) = bench.handler.arrivals
    assert (arrival.data, arrival.end, arrival.context) == (data, "finished", IMAGES)
    assert arrival.command == Command(1, True, 9, CT, "1.2.3")
    assert [status_of(answer[6:]) for answer in bench.handler.answers] == [0]
    assert not bench.reader.has_begun
    assert bench.reader.received == 0


def test_pieces_are_kept_until_the_buffer_is_needed_and_written_at_once(bench: Bench) -> None:
    bench.command(STORE)
    for part in (b"a", b"b", b"", b"c"):
        bench.dataset(part, is_end=False)
    assert bench.handler.arrivals[0].writes == 0
    bench.reader.flush()
    assert (bench.handler.arrivals[0].writes, bench.handler.arrivals[0].data) == (1, b"abc")
    bench.reader.flush()
    assert bench.handler.arrivals[0].writes == 1, "nothing new, nothing written"
    bench.dataset(b"d")
    assert bench.handler.arrivals[0].data == b"abcd"


def test_a_buffer_that_is_used_again_after_a_flush_changes_nothing_that_was_stored(bench: Bench) -> None:
    buffer = bytearray(b"first")
    bench.command(STORE)
    bench.reader.dataset_piece(1, memoryview(buffer), is_end=False)
    bench.reader.flush()
    buffer[:] = b"other"
    bench.reader.dataset_piece(1, memoryview(buffer), is_end=True)
    assert bench.handler.arrivals[0].data == b"firstother"


@pytest.mark.parametrize("status", Status)
def test_the_sender_is_told_what_storage_says(bench: Bench, status: Status) -> None:
    bench.handler.status = status
    bench.command(STORE, 3)
    bench.dataset(b"x", 3)
    (answer,) = bench.handler.answers
    assert status_of(answer[6:]) == status.code
    assert answer[10] == 3
    assert status.comment.encode() in answer


def test_messages_follow_each_other_in_any_context(bench: Bench) -> None:
    for context_id in (1, 3, 1):
        bench.command(STORE, context_id)
        bench.dataset(b"x", context_id)
    assert [answer[10] for answer in bench.handler.answers] == [1, 3, 1]


def test_a_store_without_a_data_set_is_answered_and_nothing_is_begun(bench: Bench) -> None:
    without = STORE.replace(b"\0\0\0\x08\2\0\0\0\0\0", b"\0\0\0\x08\2\0\0\0\1\1")
    assert without != STORE
    assert bench.command(without)
    assert [status_of(answer[6:]) for answer in bench.handler.answers] == [0xC000]
    assert bench.handler.arrivals == []
    assert not bench.reader.has_begun


def test_other_messages_are_passed_on_whole_and_reading_pauses_for_them(bench: Bench) -> None:
    echo, find = command_of(0x0030), command_of(0x0020, dataset=True)
    assert not bench.command(echo, 5)
    assert bench.command(find, 5)
    assert bench.dataset(b"quest", 5, is_end=False)
    bench.reader.flush()
    assert not bench.dataset(b"ion", 5)
    assert bench.handler.passed_on == [(5, echo, None), (5, find, b"question")]
    assert not bench.reader.has_begun


def test_an_association_that_is_over_abandons_what_has_begun_once(bench: Bench) -> None:
    bench.command(STORE)
    bench.dataset(b"half", is_end=False)
    bench.reader.drop()
    bench.reader.drop()
    (arrival,) = bench.handler.arrivals
    assert (arrival.end, arrival.data) == ("abandoned", b"")
    assert not bench.reader.has_begun
    bench.command(STORE)
    bench.dataset(b"whole")
    assert bench.handler.arrivals[1].data == b"whole"


def test_nothing_is_abandoned_between_messages(bench: Bench) -> None:
    bench.command(STORE)
    bench.dataset(b"whole")
    bench.reader.drop()
    assert bench.handler.arrivals[0].end == "finished"


def test_a_command_has_no_end_is_refused_at_its_limit(bench: Bench) -> None:
    for _ in range(16):
        bench.command(bytes(1024), is_end=False)
    with pytest.raises(BrokenProtocol):
        bench.command(b"x", is_end=False)


def test_the_data_set_of_another_message_is_refused_at_its_limit(bench: Bench) -> None:
    bench.command(command_of(0x0020, dataset=True), 5)
    bench.dataset(bytes(1024 * 1024), 5, is_end=False)
    with pytest.raises(BrokenProtocol):
        bench.dataset(b"x", 5, is_end=False)


class TestBrokenProtocol:
    """Sequences of fragments that no message has."""

    def test_a_data_set_without_its_command(self, bench: Bench) -> None:
        with pytest.raises(BrokenProtocol):
            bench.dataset(b"x")

    def test_a_data_set_inside_a_command(self, bench: Bench) -> None:
        bench.command(STORE[:10], is_end=False)
        with pytest.raises(BrokenProtocol):
            bench.dataset(b"x")

    def test_two_last_fragments(self, bench: Bench) -> None:
        bench.command(STORE)
        bench.dataset(b"x")
        with pytest.raises(BrokenProtocol):
            bench.dataset(b"")
        assert len(bench.handler.answers) == 1

    @pytest.mark.parametrize("is_end", [True, False])
    def test_a_command_inside_a_data_set(self, bench: Bench, is_end: bool) -> None:
        bench.command(STORE)
        bench.dataset(b"x", is_end=False)
        with pytest.raises(BrokenProtocol):
            bench.command(STORE, is_end=is_end)
        bench.reader.drop()
        assert bench.handler.arrivals[0].end == "abandoned"

    def test_fragments_of_two_commands(self, bench: Bench) -> None:
        bench.command(STORE[:10], is_end=False)
        with pytest.raises(BrokenProtocol):
            bench.command(STORE[10:], 3)

    def test_a_data_set_of_another_context(self, bench: Bench) -> None:
        bench.command(STORE)
        with pytest.raises(BrokenProtocol):
            bench.dataset(b"x", 3)

    @pytest.mark.parametrize("command", [STORE, command_of(0x0030), command_of(0x0020, dataset=True)])
    def test_a_context_that_was_not_accepted(self, bench: Bench, command: bytes) -> None:
        with pytest.raises(BrokenProtocol):
            bench.command(command, 7)
        assert bench.handler.arrivals == []
        assert bench.handler.passed_on == []

    def test_a_command_that_is_none(self, bench: Bench) -> None:
        with pytest.raises(BrokenProtocol):
            bench.command(b"\xff" * 30)
