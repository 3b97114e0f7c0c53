"""What stands before every page: which names we answer to, how much a request may send, which headers go out."""

from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hounsfield.daemon.console.addresses import HostCheck

LARGEST_BODY = 64 * 1024
"""Bytes. Forms of the console hold some words."""

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_STATIC = "/static/"
_PROBES = ("/livez", "/readyz")
"""Answered under any name: load balancers ask with an address or with none, and no more than a word is told."""


class Guard:
    """An ASGI layer around the application."""

    def __init__(self, app: ASGIApp, hosts: HostCheck) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 400 to a foreign Host; otherwise pass on, counting what comes in and marking what goes out."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        marked = _marking(send, "no-cache" if scope["path"].startswith(_STATIC) else "no-store")
        if scope["path"] in _PROBES or self._hosts.admits(Headers(scope=scope).get("host", "")):
            await self._app(scope, _counting(receive), marked)
            return
        refusal = PlainTextResponse("This name is not known here: console.hosts names those that are.\n", 400)
        await refusal(scope, receive, marked)


def _marking(send: Send, cache: str) -> Send:
    async def marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers.setdefault("Cache-Control", cache)
        await send(message)

    return marked


def _counting(receive: Receive) -> Receive:
    taken = 0

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        if message["type"] == "http.request":
            taken += len(message.get("body", b""))
            if taken > LARGEST_BODY:
                raise HTTPException(413)
        return message

    return counted
