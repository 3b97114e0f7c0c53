"""What happened at an event of the job log, and who decided it, in words."""

from hounsfield.daemon.logs import escape_controls
from hounsfield.storage.records import EventRecord


def step(event: EventRecord) -> tuple[str, str]:
    """Return stage and states in words: a step inside a running job changes no state."""
    inside = event.detail.get("step")
    if isinstance(inside, str) and event.from_state == event.to_state:
        return inside, event.to_state
    return event.stage.value, f"{event.from_state or ''}>{event.to_state}"


def person_of(event: EventRecord) -> str:
    """Return who decided; empty where no person did."""
    name = event.detail.get("by")
    return escape_controls(name) if isinstance(name, str) else ""
