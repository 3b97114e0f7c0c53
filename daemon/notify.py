"""Tells the service manager that we are ready (sd_notify protocol: one datagram to $NOTIFY_SOCKET)."""

import os
import socket


def notify(state: str) -> bool:
    """Send ``state`` (for example ``READY=1``); False where no service manager listens."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return False
    if address.startswith("@"):  # abstract socket
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(address)
            sock.sendall(state.encode())
        except OSError:
            return False
    return True
