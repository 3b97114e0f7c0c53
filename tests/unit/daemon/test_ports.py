"""Receivers that share a port among themselves do not share it with strangers."""

import socket

import pytest
from support.peers import free_port

from hounsfield.daemon.errors import PortUnavailable
from hounsfield.daemon.ports import refuse_taken_port


def test_a_port_that_another_service_shares_out_is_refused() -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortUnavailable, match=f"cannot listen on 127.0.0.1:{port}"):
            refuse_taken_port("127.0.0.1", port)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_a_free_port_is_free_before_and_after(host: str) -> None:
    port = free_port()
    for _ in range(2):
        assert refuse_taken_port(host, port) is None
    assert refuse_taken_port(host, 0) is None
