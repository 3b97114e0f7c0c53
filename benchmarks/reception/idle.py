"""What our receiver costs while nobody sends: connections that say nothing, associations that send nothing."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

import wire
from common import usage
from servers import AE_TITLE, Running

CONNECTIONS = (50, 500)
ASSOCIATIONS = 50
_SETTLE_SECONDS = 1.0


@dataclass(frozen=True)
class IdleSample:
    """CPU of the receiver while so many others are connected and silent."""

    what: str
    count: int
    cores: float
    """Share of one core."""


def idle_samples(target: Running, seconds: float) -> Iterator[IdleSample]:
    """Measure alone, with idle connections, and with idle associations; each lasts ``seconds``."""
    yield IdleSample("nobody", 0, _share(target, seconds))
    for count in CONNECTIONS:
        with _connected(target.port, count):
            yield IdleSample("idle connections", count, _share(target, seconds))
    with _connected(target.port, ASSOCIATIONS) as connections:
        for connection in connections:
            wire.associate(connection, AE_TITLE, "BENCH")
        yield IdleSample("idle associations", ASSOCIATIONS, _share(target, seconds))
        for connection in connections:
            wire.release(connection)


def _share(target: Running, seconds: float) -> float:
    time.sleep(_SETTLE_SECONDS)
    before = usage.cpu_seconds(target.pid)
    time.sleep(seconds)
    return (usage.cpu_seconds(target.pid) - before) / seconds


@contextmanager
def _connected(port: int, count: int) -> Iterator[list[socket.socket]]:
    """Open connections that say nothing; a receiver may refuse some of them."""
    with ExitStack() as stack:
        opened = []
        for _ in range(count):
            with suppress(OSError):
                opened.append(stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10)))
        yield opened
