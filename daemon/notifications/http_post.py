"""One HTTP POST with one deadline over all of it, whatever the other side drips or holds back.

On http.client: HTTP libraries bound each read, not the exchange; they follow environment variables to proxies, which
a document about a patient should not.
"""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

_LATE = "no answer in time"


class PostFailed(Exception):
    """There was no answer; the message is of a closed set or the operating system's."""


@dataclass(frozen=True, slots=True)
class Response:
    """The head of an answer; its body is never read."""

    status: int
    retry_after: str


def target_of(url: str) -> tuple[str, int]:
    """Return host and port of an http or https URL; raise ValueError if it has none."""
    parts = urlsplit(url)
    if not parts.hostname:
        raise ValueError("the URL names no host")
    return parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def post(url: str, body: bytes, headers: Mapping[str, str], timeout_seconds: float) -> Response:
    """Post ``body`` and return the head of the answer; no redirection is followed. Raise :class:`PostFailed`."""
    deadline = time.monotonic() + timeout_seconds
    try:
        host, port = target_of(url)
        raw = socket.create_connection((host, port), timeout=timeout_seconds)
        with _ended_at(deadline, raw) as connection:
            return _exchange(_secured(connection, url, host), url, body, headers)
    except TimeoutError:
        raise PostFailed(_LATE) from None
    except ssl.SSLCertVerificationError as error:
        raise PostFailed(f"its certificate is not accepted: {error.verify_message}") from None
    except (http.client.HTTPException, UnicodeError, ValueError):
        raise PostFailed(_LATE if time.monotonic() >= deadline else "no HTTP answer") from None
    except OSError as error:
        late = time.monotonic() >= deadline
        raise PostFailed(_LATE if late else error.strerror or "connection lost") from None


@contextmanager
def _ended_at(deadline: float, connection: socket.socket) -> Iterator[socket.socket]:
    """Shut the connection down at the deadline: that ends every read and write, in TLS too."""
    # a duplicate: wrapping in TLS takes the original away
    with connection, connection.dup() as handle:
        timer = threading.Timer(max(deadline - time.monotonic(), 0.0), _shut, (handle,))
        timer.daemon = True
        timer.start()
        try:
            yield connection
        finally:
            timer.cancel()
            timer.join()


def _shut(handle: socket.socket) -> None:
    try:
        handle.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the other side was quicker


def _secured(connection: socket.socket, url: str, host: str) -> socket.socket:
    if urlsplit(url).scheme != "https":
        return connection
    return ssl.create_default_context().wrap_socket(connection, server_hostname=host)


def _exchange(connection: socket.socket, url: str, body: bytes, headers: Mapping[str, str]) -> Response:
    parts = urlsplit(url)
    client = http.client.HTTPConnection("unused.invalid")
    client.sock = connection
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        client.request("POST", path, body, {**headers, "Host": parts.netloc.rpartition("@")[2], "Connection": "close"})
        answer = client.getresponse()
        return Response(answer.status, answer.getheader("Retry-After", ""))
    finally:
        client.close()
