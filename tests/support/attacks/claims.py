"""PDUs whose headers claim far more than anybody may send."""

import struct
import time
from dataclasses import dataclass

from support.wire import ASSOCIATE_RQ, COMMAND, LAST, P_DATA, Closed, Connection, c_store_rq, p_data

_BLOCK = bytes(1 << 18)
_MOST = 0xFFFFFFFF
REQUEST_OF_4_GIB = struct.pack(">BBI", ASSOCIATE_RQ, 0, _MOST)
DATA_OF_4_GIB = struct.pack(">BBI", P_DATA, 0, _MOST)
DATA_FAR_OVER_THE_MAXIMUM = struct.pack(">BBI", P_DATA, 0, 700 << 20) + struct.pack(">IBB", (700 << 20) - 4, 1, 0)
FRAGMENT_LONGER_THAN_ITS_PDU = struct.pack(">BBI", P_DATA, 0, 1000) + struct.pack(">IBB", 0x7FFFFFFF, 1, 0)


@dataclass(frozen=True, slots=True)
class Claimed:
    """What became of a claim."""

    swallowed_mb: float
    """Bytes the server's side took, its socket buffers included."""
    is_ended: bool
    seconds: float
    """From the header to the end."""

    def __str__(self) -> str:
        end = f"ended after {self.seconds:.1f} s" if self.is_ended else "still open"
        return f"took {self.swallowed_mb:.0f} MB, {end}"


def claim(port: int, header: bytes, most_mb: int, *, associated: bool, patience: float = 3.0) -> Claimed:
    """Send a header that lies, and what it promises up to ``most_mb``, until the server ends the connection."""
    connection = Connection.open(port, seconds=patience)
    try:
        if associated:
            connection.associate()
            connection.send(p_data(1, COMMAND | LAST, c_store_rq("1.2.3.4")))
        begun = time.monotonic()
        sent = 0
        try:
            connection.send(header)
            while sent < most_mb << 20:
                sent += connection.socket.send(_BLOCK)
        except TimeoutError:
            is_ended = connection.is_ended_within(patience)  # it takes no more: has it said why?
        except (OSError, Closed):
            is_ended = True
        else:
            is_ended = connection.is_ended_within(patience)
        return Claimed(sent / (1 << 20), is_ended, time.monotonic() - begun)
    finally:
        connection.close()
