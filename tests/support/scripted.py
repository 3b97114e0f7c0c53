"""A listener on a plain socket that does what a script says, and the PDUs that scripts of DICOM peers read and answer.

For what no library of the other side would do: silence, garbage, half an answer.
"""

import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from support.wire import ASSOCIATE_AC, item, pdu

IMPLICIT = "1.2.840.10008.1.2"
Script = Callable[[socket.socket], None]


@contextmanager
def scripted(script: Script) -> Iterator[int]:
    """Listen and let ``script`` have every connection, one after the other; give the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = threading.Event()

        def serve() -> None:
            while not done.is_set():
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, suppress(OSError):
                    connection.settimeout(10)
                    script(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            done.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def read_pdu(connection: socket.socket) -> bytes:
    """Return the next PDU with its header. Raise ConnectionResetError at the end of the connection."""
    head = _exactly(connection, 6)
    return head + _exactly(connection, struct.unpack(">I", head[2:])[0])


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        if not piece:
            raise ConnectionResetError
        data += piece
    return data


def associate_ac(
    results: Mapping[int, int] | None = None, *, syntax: str = IMPLICIT, longest_pdu: int = 16384
) -> bytes:
    """Return an A-ASSOCIATE-AC; ``results`` by presentation context (0 is acceptance), without them 1 is accepted."""
    body = struct.pack(">HH", 1, 0) + bytes(64) + item(0x10, b"1.2.840.10008.3.1.1.1")
    for context, result in ({1: 0} if results is None else results).items():
        body += item(0x21, bytes((context, 0, result, 0)) + item(0x40, syntax.encode()))
    return pdu(ASSOCIATE_AC, body + item(0x50, item(0x51, struct.pack(">I", longest_pdu))))
