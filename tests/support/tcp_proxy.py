"""A TCP proxy between two of ours that can fall silent, as a network does: connections stay, and nothing comes through.

What it acknowledges it may never forward, so TCP itself notices nothing: the worst kind of silence.
"""

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_BYTES = 65536


class TcpProxy:
    """Forwards every connection to ``target``; one thread."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._forwards = threading.Event()
        self._forwards.set()
        self._is_over = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._thread.start()

    def fall_silent(self) -> None:
        """Take connections and bytes, and forward none."""
        self._forwards.clear()

    def lose(self) -> None:
        """Forget all connections without telling anybody in this moment; those that come now are forwarded again."""
        with self._lock:
            self._drop_all()
        self._forwards.set()

    def _drop_all(self) -> None:
        for connection in list(self._pairs):
            self._drop(connection)

    def close(self) -> None:
        self._is_over.set()
        self._thread.join(5)
        with self._lock:
            self._drop_all()
        self._listener.close()
        self._selector.close()

    def _run(self) -> None:
        while not self._is_over.is_set():
            for key, _ in self._selector.select(0.05):
                with self._lock:
                    self._serve(key.fileobj)

    def _serve(self, ready: object) -> None:
        assert isinstance(ready, socket.socket)
        if ready is self._listener:
            self._accept()
        elif ready in self._pairs:
            self._forward(ready)

    def _accept(self) -> None:
        ours, _ = self._listener.accept()
        try:
            theirs = socket.create_connection(self._target, timeout=2)
        except OSError:
            ours.close()
            return
        for one, other in ((ours, theirs), (theirs, ours)):
            self._pairs[one] = other
            self._selector.register(one, selectors.EVENT_READ)

    def _forward(self, ready: socket.socket) -> None:
        try:
            data = ready.recv(_BYTES)
            if not self._forwards.is_set():
                if not data:  # nobody hears of it
                    self._selector.unregister(ready)
                return
            if data:
                self._pairs[ready].sendall(data)
                return
        except OSError:
            pass
        self._drop(ready)

    def _drop(self, one: socket.socket) -> None:
        other = self._pairs.pop(one, None)
        for each in (one, other):
            if each is not None:
                self._pairs.pop(each, None)
                with suppress(KeyError, ValueError):
                    self._selector.unregister(each)
                each.close()


@contextmanager
def proxy(port: int) -> Iterator[TcpProxy]:
    """Run a proxy to a port of this machine."""
    made = TcpProxy(("127.0.0.1", port))
    try:
        yield made
    finally:
        made.close()
