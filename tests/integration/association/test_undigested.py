"""What the library cannot digest ends its upper layer: a thread that lived on would be waited for without end."""

import socket
import time
from typing import Any

from pynetdicom import build_context, evt
from pynetdicom.pdu_primitives import P_DATA
from support.destinations import route
from support.scripted import IMPLICIT, associate_ac, read_pdu, scripted

from hounsfield.daemon.association.link import associated
from hounsfield.daemon.sop_classes import VERIFICATION


def test_a_message_that_would_go_out_after_our_release_does_not_hold_us_for_ever() -> None:
    """The answer to a report that came in the last moment: no such thing may be sent any more (PS3.8 9.2, Sta7)."""

    def accept(connection: socket.socket) -> None:
        read_pdu(connection)
        connection.sendall(associate_ac())
        while connection.recv(1024):
            pass  # the release is not answered

    def speak_late(event: Any) -> None:
        if event.next_state == "Sta7":
            message = P_DATA()
            message.presentation_data_value_list = [[1, b"\x03late"]]  # type: ignore[list-item]
            event.assoc.dul.send_pdu(message)

    with scripted(accept) as port:
        began = time.monotonic()
        with associated(
            route(port, "ARCHIVE"),
            [build_context(VERIFICATION, IMPLICIT)],
            handlers=[(evt.EVT_FSM_TRANSITION, speak_late)],
            farewell_seconds=0.3,
        ) as link:
            assert link.association.is_established
        assert time.monotonic() - began < 3
        assert not link.association.dul.is_alive()
