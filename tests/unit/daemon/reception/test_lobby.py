"""Where connections wait: nobody gets in without a whole request, and nobody who waits hinders another."""

import errno
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from support.fakes import ManualClock
from support.pdu_wire import associate_request
from support.tls import Files, authority, client_context
from support.waiting import wait_until
from support.wire import pdu

from hounsfield.daemon.errors import TlsUnusable
from hounsfield.daemon.reception import lobby as module
from hounsfield.daemon.reception.lobby import LONGEST_REQUEST, Door, Lobby, Visitor
from hounsfield.daemon.reception.tls import load_files

REQUEST = associate_request()
SECONDS = 10.0


class House:
    """A lobby with one door, behind which visitors are kept as they come."""

    def __init__(
        self, *, most: int = 8, listener: socket.socket | None = None, tls: Callable[[], ssl.SSLContext] | None = None
    ) -> None:
        self.clock = ManualClock()
        self.inside: list[Visitor] = []
        self.is_full = False
        self.beats = 0
        self.listener = listener or socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(64)
        self.address = self.listener.getsockname()
        self.lobby = Lobby(
            [Door(self.listener, tls, self.inside.append)],
            clock=self.clock,
            seconds=SECONDS,
            most=most,
            has_room=lambda: not self.is_full,
            beat=self._beat,
        )
        self._clients = ExitStack()

    def _beat(self) -> None:
        self.beats += 1

    def __enter__(self) -> "House":
        self.lobby.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.lobby.close()
        self._clients.close()
        for visitor in self.inside:
            visitor.connection.close()

    def client(self, said: bytes = b"", source: str = "127.0.0.1") -> socket.socket:
        """Connect and say something."""
        connecting = socket.create_connection(self.address, timeout=5, source_address=(source, 0))
        connection = self._clients.enter_context(connecting)
        connection.sendall(said)
        return connection

    def waiting(self) -> int:
        return len(self.lobby._visitors)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    assert module._TICK_SECONDS <= 0.5, "the beat is due once per second"
    monkeypatch.setattr(module, "_TICK_SECONDS", 0.02)


@pytest.fixture
def house() -> Iterator[House]:
    with House() as opened:
        yield opened


def is_closed(connection: socket.socket) -> bool:
    """Whether the other side has closed it, or something comes."""
    connection.settimeout(5)
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def test_who_asks_for_an_association_gets_in_with_the_whole_request_and_not_a_byte_more(house: House) -> None:
    house.client(REQUEST + b"what comes later")
    (visitor,) = wait_until(lambda: house.inside)
    assert visitor.request == REQUEST
    assert visitor.connection.recv(100) == b"what comes later"
    assert visitor.address[0] == "127.0.0.1"


@pytest.mark.parametrize("cuts", [(1,), (5,), (6,), (7, 80), tuple(range(1, 40))])
def test_a_request_may_come_in_parts(house: House, cuts: tuple[int, ...]) -> None:
    places = [0, *cuts, len(REQUEST)]
    client = house.client()
    for begin, end in pairwise(places):
        client.sendall(REQUEST[begin:end])
        wait_until(lambda end=end: house.inside or sum(len(v.received) for v in heard(house)) == end)
    (visitor,) = wait_until(lambda: house.inside)
    assert visitor.request == REQUEST


def heard(house: House) -> list[Visitor]:
    return list(house.lobby._visitors.values())


@pytest.mark.parametrize("said", [b"", b"\1", REQUEST[:3], REQUEST[:6], REQUEST[:-1]])
def test_who_does_not_finish_its_request_in_time_is_closed(house: House, said: bytes) -> None:
    client = house.client(said)
    wait_until(lambda: [len(visitor.received) for visitor in heard(house)] == [len(said)])
    house.clock.advance(SECONDS - 1)
    beats = house.beats
    wait_until(lambda: house.beats > beats + 1)
    assert house.waiting() == 1
    house.clock.advance(1)
    assert is_closed(client)
    assert house.waiting() == 0


def test_dripping_does_not_extend_the_deadline(house: House) -> None:
    client = house.client(REQUEST[:10])
    wait_until(lambda: house.waiting() == 1)
    house.clock.advance(SECONDS - 1)
    client.sendall(REQUEST[10:20])
    wait_until(lambda: len(heard(house)[0].received) == 20)
    house.clock.advance(1)
    assert is_closed(client)


@pytest.mark.parametrize(
    ("said", "reason"),
    [(b"GET / HTTP/1.1\r\n\r\n", 2), (b"\0", 2), (b"\4\0\0\0\0\6", 2), (pdu(1, b"", LONGEST_REQUEST + 1), 1)],
    ids=["http", "zero", "data", "too long"],
)
def test_what_is_no_request_is_aborted_at_its_first_bytes(house: House, said: bytes, reason: int) -> None:
    client = house.client(said)
    client.settimeout(5)
    assert client.recv(10) == pdu(7, bytes((0, 0, 2, reason)))
    assert is_closed(client)
    assert house.inside == []


def test_a_request_of_the_longest_kind_gets_in(house: House) -> None:
    longest = pdu(1, bytes(LONGEST_REQUEST))
    house.client(longest)
    (visitor,) = wait_until(lambda: house.inside)
    assert visitor.request == longest


def test_who_leaves_before_asking_is_forgotten(house: House) -> None:
    house.client(REQUEST[:20]).close()
    house.client().close()
    house.client(REQUEST)
    wait_until(lambda: house.inside and house.waiting() == 0)


def test_one_more_than_may_wait_and_the_one_that_waited_longest_gives_way(house: House) -> None:
    clients = []
    for number in range(8):
        clients.append(house.client(REQUEST[: 10 + number]))
        wait_until(lambda number=number: [len(v.received) for v in heard(house)][-1:] == [10 + number])
    house.client(REQUEST)
    assert is_closed(clients[0])
    wait_until(lambda: house.inside)
    assert house.waiting() == 7
    clients[1].sendall(REQUEST[11:])
    wait_until(lambda: len(house.inside) == 2)


@pytest.mark.parametrize("said", [b"", REQUEST], ids=["silent", "whole requests"])
def test_a_crowd_from_one_address_displaces_itself_and_nobody_else(house: House, said: bytes) -> None:
    house.is_full = True  # whole requests wait too

    def are_waiting() -> list[Any]:
        return [visitor.address for visitor in (*house.lobby._visitors.values(), *house.lobby._complete)]

    slow = house.client(said, source="127.0.0.2")
    wait_until(lambda: are_waiting() == [slow.getsockname()])
    crowd = [house.client(said) for _ in range(30)]
    wait_until(lambda: crowd[-1].getsockname() in are_waiting())
    assert slow.getsockname() in are_waiting()
    assert len(are_waiting()) == 8


def test_a_flood_of_whole_requests_is_bounded_too(house: House) -> None:
    house.is_full = True
    clients = [house.client(REQUEST) for _ in range(30)]
    wait_until(lambda: house.lobby._complete and house.lobby._complete[-1].address == clients[-1].getsockname())
    assert len(house.lobby._complete) <= 8
    house.is_full = False
    wait_until(lambda: house.lobby._complete == [])
    assert house.inside[-1].address == clients[-1].getsockname()


def test_while_there_is_no_room_whole_requests_wait_and_are_let_in_in_their_order(house: House) -> None:
    house.is_full = True
    clients = []
    for number in range(3):
        clients.append(house.client(REQUEST))
        wait_until(lambda number=number: len(house.lobby._complete) == number + 1)
    assert house.inside == []
    house.is_full = False
    wait_until(lambda: len(house.inside) == 3)
    assert [visitor.address for visitor in house.inside] == [client.getsockname() for client in clients]


def test_a_place_that_does_not_become_free_in_time_is_not_waited_for(house: House) -> None:
    house.is_full = True
    client = house.client(REQUEST)
    wait_until(lambda: house.lobby._complete)
    house.clock.advance(SECONDS)
    assert is_closed(client)
    house.is_full = False
    house.client(REQUEST)
    wait_until(lambda: len(house.inside) == 1)


def test_the_beat_goes_on_while_nobody_comes(house: House) -> None:
    before = house.beats
    wait_until(lambda: house.beats >= before + 2, 3)


def test_a_step_of_the_wall_clock_closes_nobody(house: House) -> None:
    client = house.client(REQUEST[:10])
    wait_until(lambda: house.waiting() == 1)
    for step in (3600, -7200):
        house.clock.step(step)
        beats = house.beats
        wait_until(lambda beats=beats: house.beats > beats + 1)
    client.sendall(REQUEST[10:])
    wait_until(lambda: house.inside)


class Exhausted(socket.socket):
    """A listener of a process that has no descriptors left, while told so."""

    is_out = False
    asked = 0

    def accept(self) -> tuple[socket.socket, Any]:
        if self.is_out:
            self.asked += 1
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return super().accept()


def test_without_descriptors_who_waits_gives_way_and_the_lobby_does_not_spin() -> None:
    listener = Exhausted()
    with House(listener=listener) as house:
        silent = house.client()
        wait_until(lambda: house.waiting() == 1)
        listener.is_out = True
        late = house.client(REQUEST)
        assert is_closed(silent), "it gave its descriptor"
        wait_until(lambda: listener.asked > 2)
        before, beats = listener.asked, house.beats
        wait_until(lambda: house.beats > beats + 3)
        assert listener.asked - before < 40, "a few tries, each after a pause"
        assert house.inside == []
        listener.is_out = False
        wait_until(lambda: house.inside)
        assert house.inside[0].address == late.getsockname()


def test_a_listener_that_is_out_of_descriptors_is_not_asked_a_thousand_times_a_second() -> None:
    listener = Exhausted()
    with House(listener=listener) as house:
        listener.is_out = True
        house.client()
        wait_until(lambda: listener.asked > 0)
        before = listener.asked
        threading.Event().wait(0.3)
        assert listener.asked - before < 20


def test_closing_closes_everybody_who_waits_and_the_listener() -> None:
    threads = threading.active_count()
    with House() as house:
        house.is_full = True
        clients = [house.client(), house.client(REQUEST[:9]), house.client(REQUEST)]
        wait_until(lambda: (house.waiting(), len(house.lobby._complete)) == (2, 1))
        house.lobby.close()
        assert all(is_closed(client) for client in clients)
        with pytest.raises(ConnectionError):
            house.client()
        house.lobby.close()
    assert threading.active_count() == threads


@pytest.mark.parametrize("most_reasons", [100, 1], ids=["few reasons", "as many reasons as are kept"])
def test_a_flood_of_closed_connections_is_a_line_in_the_log_for_each_reason(
    most_reasons: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_REASONS", most_reasons)
    with capture_logs() as logs, House() as house:
        for _ in range(50):
            is_closed(house.client(b"\0"))
        house.clock.advance(60)
        wait_until(lambda: house.lobby._sent_away.total() == 0)
    closed = [line for line in logs if line["event"] == "connections closed"]
    assert sum(line["count"] for line in closed) == 50
    assert len(closed) <= 2


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of a server and of a client that it believes."""
    folder: Path = tmp_path_factory.mktemp("tls")
    ours, files = authority(), Files(folder / "server")
    files.write(ours, ours.server(("localhost",)))
    return load_files(files.settings()).context, client_context(ours, folder, ours.client("CT1"))


def test_a_handshake_that_hangs_hinders_nobody_and_is_ended(
    certificates: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    server, client = certificates
    with House(tls=lambda: server) as house:
        silent = [house.client(), house.client(b"\x16\3\1\2\0\1\0\1\xfc\3\3")]
        wait_until(lambda: house.waiting() == 2)
        good = client.wrap_socket(house.client(), server_hostname="localhost")
        good.sendall(REQUEST)
        (visitor,) = wait_until(lambda: house.inside)
        assert visitor.request == REQUEST
        house.clock.advance(SECONDS)
        assert all(is_closed(one) for one in silent)
        good.close()


def test_who_speaks_no_tls_on_the_tls_port_is_closed(certificates: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    server, _ = certificates
    with capture_logs() as logs, House(tls=lambda: server) as house:
        plain = house.client(REQUEST)
        while not is_closed(plain):  # an alert of TLS comes before
            pass
        house.clock.advance(60)
        wait_until(lambda: house.lobby._sent_away.total() == 0)
        assert house.inside == []
    assert any("TLS" in str(line.get("reason")) for line in logs)


def test_without_a_usable_certificate_the_port_closes_each_connection_and_goes_on() -> None:
    def unusable() -> ssl.SSLContext:
        raise TlsUnusable("tls.key", "is gone")

    with House(tls=unusable) as house:
        for _ in range(3):
            assert is_closed(house.client())
        assert house.waiting() == 0
        assert house.lobby._thread.is_alive()
