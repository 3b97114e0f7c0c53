"""/livez and /readyz, for service managers and load balancers: in plain text, without signing in.

A PACS that is down makes neither fail: images have to come in all the same, and results wait.
"""

from collections.abc import Iterator, Sequence

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from hounsfield.daemon.beats import is_alive
from hounsfield.daemon.console.parts import ConsoleParts, HasParts
from hounsfield.daemon.roles import Role
from hounsfield.storage import engine
from hounsfield.storage.components import Component
from hounsfield.storage.control import Part
from hounsfield.storage.errors import StorageError


def problems(parts: ConsoleParts) -> Iterator[str]:
    """Yield why images would not be accepted now, a sentence each."""
    try:
        current, needed = engine.check(parts.settings.storage.resolved_database_url)
        if current != needed:
            yield f"database: its schema is {current or 'none'}, this program needs {needed} (hounsfield db upgrade)"
            return
        components, pauses = parts.database.components.all(), parts.database.control.pauses()
    except StorageError:
        yield "database: it does not answer (hounsfield doctor)"
        return
    yield from _of_receivers(parts, components)
    for pause in pauses:
        if pause.part is Part.INTAKE:
            yield f"intake: paused since {pause.since:%F %H:%M} UTC (hounsfield resume intake)"


def _of_receivers(parts: ConsoleParts, components: Sequence[Component]) -> Iterator[str]:
    now = parts.clock.now()
    receivers = [one for one in components if one.role == Role.RECEIVER]
    # A load balancer asks the console of a host whether to send images to this host: others do not help it. A console
    # on a host that never had a receiver speaks for all of them.
    receivers = [one for one in receivers if one.host == parts.host] or receivers
    living = [one for one in receivers if is_alive(one, parts.settings.alarms.component_seconds, now)]
    if not living:
        yield "receiver: none was heard of lately (hounsfield run)"
    elif not any(one.facts.get("listens") for one in living):
        yield "receiver: it is starting and accepts no associations yet"
    elif all(one.facts.get("refuses") for one in living):
        yield "receiver: images are refused with A700, and its log says why (hounsfield doctor)"


def router(site: HasParts) -> APIRouter:
    """Return both."""
    routes = APIRouter()

    @routes.api_route("/livez", methods=["GET", "HEAD"])
    def livez() -> PlainTextResponse:
        return PlainTextResponse("alive\n")

    @routes.api_route("/readyz", methods=["GET", "HEAD"])
    def readyz() -> PlainTextResponse:
        found = list(problems(site.parts))
        return PlainTextResponse("\n".join(found or ["ready"]) + "\n", 503 if found else 200)

    return routes
