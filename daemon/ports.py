"""Whether the port is free, asked where the listening sockets themselves could not tell."""

import socket

from hounsfield.daemon.errors import PortUnavailable

CONSOLE_REMEDY = "stop the program that has the port, or set another console.host or console.port; 0 takes a free one"


def refuse_taken_port(host: str, port: int, remedy: str | None = None) -> None:
    """Raise PortUnavailable if anyone listens on ``port`` of ``host``.

    Receivers that share a port (SO_REUSEPORT) would share it with another service of the same user too, unnoticed,
    and each would get a part of the images. A socket that does not share is refused beside them.
    """
    if (error := what_hinders(host, port)) is not None:
        raise PortUnavailable(f"cannot listen on {host}:{port}: {error.strerror or error}", remedy) from error


def what_hinders(host: str, port: int) -> OSError | None:
    """Return why nobody could listen on ``port`` of ``host`` now; None: somebody could."""
    try:
        listening(host, port, 1).close()
    except OSError as error:
        return error
    return None


def listening(host: str, port: int, backlog: int) -> socket.socket:
    """Return a socket that listens there, shared with nobody. Raise OSError."""
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(backlog)
    except OSError:
        listener.close()
        raise
    return listener


def own_address(host: str) -> str:
    """Return where a program of this machine reaches what listens on ``host``, which may stand for all addresses."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared only
