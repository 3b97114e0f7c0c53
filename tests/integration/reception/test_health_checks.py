"""A load balancer that only looks whether somebody listens costs nothing: no line, no row, no thread, no place."""

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from support.fake_peer_store import FakePeerStore
from support.peers import require_binary, run_tool
from support.reception import Reception, receiving
from support.tls import Files, authority
from support.waiting import wait_until

CHECKS = 300
CPU_SECONDS = 0.001
"""Of the receiver, for one check; measured: a twentieth of it."""

Check = Callable[[int], None]


def connect_and_close(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), timeout=5).close()


def connect_and_reset(port: int) -> None:
    connection = socket.create_connection(("127.0.0.1", port), timeout=5)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def many(check: Check) -> Check:
    def checks(port: int) -> None:
        for _ in range(CHECKS):
            check(port)

    return checks


def stay_for_a_second(port: int) -> None:
    """Twenty checks at once, of which half are reset in the end."""
    staying = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(20)]
    threading.Event().wait(1.0)
    for number, connection in enumerate(staying):
        if number % 2:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    ours, files = authority(), Files(tmp_path_factory.mktemp("tls"))
    files.write(ours, ours.server(("localhost",)))
    return files


@pytest.fixture
def reception(tmp_path: Path, files: Files) -> Iterator[Reception]:
    with receiving(tmp_path, tls=files.settings(), allow_any_peer=True, peer_store=FakePeerStore()) as running:
        yield running


@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("checks", [many(connect_and_close), many(connect_and_reset), stay_for_a_second])
def test_a_check_without_an_association_leaves_no_trace(reception: Reception, checks: Check, is_tls: bool) -> None:
    port = reception.tls_port if is_tls else reception.port
    connect_and_close(port)
    wait_until(lambda: _waiting(reception) == 0)
    threads, descriptors = threading.active_count(), _descriptors()
    spent = _seconds_of_lobby(reception)
    with capture_logs() as logs:
        checks(port)
        wait_until(lambda: _waiting(reception) == 0)
        reception.receiver._sweep()
    spent = _seconds_of_lobby(reception) - spent
    assert [line for line in logs if line["log_level"] != "debug"] == []
    # the last of them may still wait to be accepted
    wait_until(lambda: threading.active_count() <= threads and _descriptors() <= descriptors)
    assert reception.store.known == {}, "no association"
    assert reception.receiver._around.peer_store.sightings() == [], "nobody was seen"
    assert reception.files() == []
    assert spent < CPU_SECONDS * CHECKS


def test_an_echo_is_answered_between_checks_that_stay(reception: Reception) -> None:
    require_binary("echoscu")
    staying = threading.Thread(target=stay_for_a_second, args=(reception.port,))
    staying.start()
    answer = run_tool("echoscu", "-aec", "HOUNSFIELD", "127.0.0.1", str(reception.port))
    assert answer.returncode == 0, answer.stderr
    staying.join()


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _waiting(reception: Reception) -> int:
    lobby = reception.opened.lobby
    assert lobby is not None
    return len(lobby._visitors) + len(lobby._complete)


def _seconds_of_lobby(reception: Reception) -> float:
    lobby = reception.opened.lobby
    assert lobby is not None
    assert lobby._thread.ident is not None
    return time.clock_gettime(time.pthread_getcpuclockid(lobby._thread.ident))
