"""The console's HTTP server: uvicorn in a thread of the role's process, which keeps its own signals."""

import socket
import threading
from collections.abc import Callable

import structlog
import uvicorn
from fastapi import FastAPI

from hounsfield.daemon.console.live import Live
from hounsfield.daemon.errors import PortUnavailable, ServiceError
from hounsfield.daemon.ports import CONSOLE_REMEDY, listening

log = structlog.get_logger("hounsfield.console")

_BACKLOG = 128
_MOST_CONNECTIONS = 500
_REQUEST_SECONDS = 1
"""What a request that is being answered may still take at the end."""
_END_SECONDS = 1.8
_LOOK_SECONDS = 0.02
_START_SECONDS = 30.0


def serve(
    app: FastAPI, live: Live, host: str, port: int, stop: threading.Event, on_ready: Callable[[str], object]
) -> None:
    """Serve until stopped, and end within two seconds. ``on_ready`` is called with the URL.

    Raise PortUnavailable where the port cannot be had, and ServiceError where the server ends by itself.
    """
    listener = _listen(host, port)
    server = uvicorn.Server(_config(app))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="console", daemon=True)
    thread.start()
    try:
        _wait_for(server, thread, stop)
        if not stop.is_set():
            on_ready(_url(host, listener))
        while not stop.wait(1.0):
            _require(thread)
    finally:
        live.close()  # browsers that listen would keep their connections for ever
        server.should_exit = True
        thread.join(_END_SECONDS)
        listener.close()


def _config(app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # the application decides which proxy it believes
        ws="none",
        lifespan="on",
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_graceful_shutdown=_REQUEST_SECONDS,
    )


def _wait_for(server: uvicorn.Server, thread: threading.Thread, stop: threading.Event) -> None:
    for _ in range(round(_START_SECONDS / _LOOK_SECONDS)):
        if server.started or stop.wait(_LOOK_SECONDS):
            return
        _require(thread)
    raise ServiceError("the console does not start")


def _require(thread: threading.Thread) -> None:
    if not thread.is_alive():
        raise ServiceError("the server of the console has ended by itself")


def _listen(host: str, port: int) -> socket.socket:
    try:
        return listening(host, port, _BACKLOG)
    except OSError as error:
        raise PortUnavailable(f"cannot listen on {host}:{port}: {error.strerror or error}", CONSOLE_REMEDY) from error


def _url(host: str, listener: socket.socket) -> str:
    port = listener.getsockname()[1]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
