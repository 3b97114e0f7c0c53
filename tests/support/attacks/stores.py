"""C-STOREs that are hostile as a whole: far too many at once, bombs, aborts inside, a whole long series."""

import random
import socket
import threading
import zlib
from contextlib import suppress
from dataclasses import dataclass

from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian
from support.datasets import element, tiny
from support.wire import (
    ALLOWED,
    ATTACKER,
    CT,
    Closed,
    Connection,
    Proposal,
    abort,
    associate_rq,
    associated,
    new_uid,
    store_pdus,
)

IMAGE_BYTES = 525_000
_PIXELS = 0x7FE00010


def image(instance: str, size: int = IMAGE_BYTES, *, study: str = "1.2.3", series: str = "1.2.3.5") -> bytes:
    """Return a data set of about ``size`` bytes."""
    return tiny(instance=instance, study=study, series=series, more=element(_PIXELS, b"OW", bytes(size)))


@dataclass(frozen=True, slots=True)
class Pipelined:
    """Answers to requests that were all sent before the first answer was read."""

    sent: int
    statuses: list[int]

    def __str__(self) -> str:
        good = self.statuses.count(0x0000)
        return f"{good} of {self.sent} stored"


def pipeline(port: int, count: int, size: int = IMAGE_BYTES, source: str = ATTACKER) -> Pipelined:
    """Send ``count`` C-STOREs without reading; a thread pushes, and only when it has pushed all are answers read.

    No asynchronous operations were negotiated (PS3.7 D.3.3.3): the server may serve them one by one, or abort.
    """
    with suppress(Closed), associated(port, source, seconds=60.0) as connection:
        messages = [(new_uid(), number) for number in range(count)]
        pusher = threading.Thread(target=_push, args=(connection, messages, size), daemon=True)
        pusher.start()
        pusher.join(60)
        statuses: list[int] = []
        with suppress(Closed, OSError):
            while len(statuses) < count:
                statuses.append(connection.status())
        return Pipelined(count, statuses)
    return Pipelined(count, statuses)


def _push(connection: Connection, messages: list[tuple[str, int]], size: int) -> None:
    with suppress(Closed, OSError):
        for instance, number in messages:
            pdus = store_pdus(image(instance, size), instance, message_id=number % 65536, fragment=16000)
            connection.send(b"".join(pdus))


def bomb(megabytes: int) -> bytes:
    """Return a deflated data set that inflates to so many megabytes (PS3.5 A.5: raw deflate)."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = deflate.compress(tiny(more=element(_PIXELS, b"OB", b"")[:-4] + (megabytes << 20).to_bytes(4, "little")))
    zeros = bytes(1 << 20)
    for _ in range(megabytes):
        packed += deflate.compress(zeros)
    return packed + deflate.flush()


def propose_deflated(port: int, data: bytes) -> tuple[int, int | None]:
    """Propose Deflated, then send the data set whatever was agreed; return the context's result and the status."""
    request = associate_rq(
        Proposal(CT, (DeflatedExplicitVRLittleEndian,)), Proposal(CT, (ExplicitVRLittleEndian,)), calling="ATTACKER"
    )
    connection = Connection.open(port, seconds=10)
    try:
        results = connection.associate(request)
        try:
            return results[1], connection.store(data, "1.2.3.4")
        except (Closed, TimeoutError):
            return results[1], None
    finally:
        connection.close()


def abort_inside(port: int, count: int, size: int = IMAGE_BYTES, seed: int = 1) -> int:
    """End ``count`` associations in the middle of a data set: by A-ABORT, close and reset in turn; return how many."""
    chance = random.Random(seed)
    for number in range(count):
        connection = Connection.open(port)
        connection.associate()
        whole = b"".join(store_pdus(image(new_uid(), size), "1.2.3.4", fragment=16000))
        with suppress(Closed):
            connection.send(whole[: chance.randrange(200, len(whole) - 1)])
            if number % 3 == 0:
                connection.send(abort())
        if number % 3 == 1:
            connection.reset()
        else:
            connection.close()
    return count


def send_series(port: int, count: int, size: int = IMAGE_BYTES) -> list[int]:
    """Send a long series over one association; return the statuses that are no success."""
    study, series = new_uid(), new_uid()
    with associated(port, ALLOWED, request=associate_rq(max_pdu=131072), seconds=30.0) as connection:
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        failed = []
        for number in range(count):
            instance = new_uid()
            data = image(instance, size, study=study, series=series)
            status = connection.store(data, instance, message_id=number % 65536, fragment=16000)
            if status:
                failed.append(status)
        return failed


def negotiate_only(port: int, count: int, request: bytes) -> None:
    """Associate and release ``count`` times."""
    for _ in range(count):
        connection = Connection.open(port, ALLOWED)
        connection.associate(request)
        connection.release()
