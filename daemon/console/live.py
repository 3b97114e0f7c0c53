"""Tells browsers that something has changed, half a second after it was written at the latest.

One thread waits for the database on behalf of all browsers. What changed is not said: each page asks again for the
parts of it that are marked as live.
"""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import suppress

from fastapi import APIRouter
from sse_starlette import EventSourceResponse
from starlette.exceptions import HTTPException

from hounsfield.storage.doorbell import Doorbell

LEAST_SECONDS = 0.25
"""Between two events."""
HEARTBEAT_SECONDS = 15
"""A comment goes out so often: proxies cut what is silent, and a browser that has gone is noticed."""
SEND_SECONDS = 10.0
"""A browser that takes nothing for so long is dropped; it comes back by itself."""
MOST_BROWSERS = 200
_LOOK_SECONDS = 5.0
_NOBODY_SECONDS = 60.0


class Listener:
    """One browser. Changes that come faster than it reads are one change: nothing piles up."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake it; from any thread."""
        with suppress(RuntimeError):  # the loop has ended, and the browser with it
            self._loop.call_soon_threadsafe(self._rung.set)

    async def wait(self) -> None:
        """Wait for the next change."""
        await self._rung.wait()
        self._rung.clear()


class Live:
    """Fans the commits of the database out to all browsers."""

    def __init__(self, doorbell: Doorbell) -> None:
        self._doorbell = doorbell
        self._stop = threading.Event()
        self._wanted = threading.Event()
        self._lock = threading.Lock()
        self._listeners: set[Listener] = set()
        self._is_watching = False
        self._thread = threading.Thread(target=self._watch, name="live", daemon=True)

    def start(self) -> None:
        """Begin to watch; it costs nothing while nobody listens."""
        self._thread.start()

    def close(self) -> None:
        """End every stream; safe to call twice, and from any thread."""
        self._stop.set()
        self._wanted.set()
        self._ring()

    @property
    def is_full(self) -> bool:
        """Whether there are as many browsers as are served."""
        with self._lock:
            return len(self._listeners) >= MOST_BROWSERS

    async def changes(self) -> AsyncIterator[int]:
        """Yield 1 at once, for what changed while the page was on its way, then the next number at each change."""
        listener = Listener()
        with self._lock:
            self._listeners.add(listener)
            if self._is_watching:
                listener.ring()
        self._wanted.set()
        count = 0
        try:
            while not self._stop.is_set():
                await listener.wait()
                if not self._stop.is_set():
                    count += 1
                    yield count
        finally:
            with self._lock:
                self._listeners.discard(listener)

    def _watch(self) -> None:
        while not self._stop.is_set():
            self._wanted.wait(_NOBODY_SECONDS)
            self._wanted.clear()
            self._watch_for_listeners()

    def _watch_for_listeners(self) -> None:
        mark = self._doorbell.listen()
        self._is_watching = True
        self._ring()  # only now: what is written after the pages have answered is noticed
        while not self._stop.is_set() and self._listeners:
            self._doorbell.wait(mark, self._stop, _LOOK_SECONDS)
            now = self._doorbell.listen()
            if now != mark:
                mark = now
                self._ring()
                self._stop.wait(LEAST_SECONDS)
        self._is_watching = False

    def _ring(self) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            listener.ring()


def router(live: Live) -> APIRouter:
    """Return ``/live``: server-sent events named ``changed`` (WHATWG HTML, 9.2)."""
    routes = APIRouter()

    @routes.get("/live", include_in_schema=False)
    async def events() -> EventSourceResponse:
        if live.is_full:
            raise HTTPException(503)
        return EventSourceResponse(_as_events(live), ping=HEARTBEAT_SECONDS, send_timeout=SEND_SECONDS)

    return routes


async def _as_events(live: Live) -> AsyncIterator[dict[str, str]]:
    async for count in live.changes():
        yield {"event": "changed", "data": str(count)}
