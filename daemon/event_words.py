"""What happened at an event of the job log, and who decided it: in words, and as programs read it."""

from hounsfield.daemon.logs import escape_controls
from hounsfield.storage.records import EventRecord


def event_fields(event: EventRecord) -> dict[str, object]:
    """Return what every ``--json`` says of an event, behind what it is about; fixed, later versions only add."""
    return {
        "stage": event.stage.value,
        "from_state": event.from_state,
        "to_state": event.to_state,
        "attempt": event.attempt,
        "worker": event.worker,
        "reason": None if event.reason is None else event.reason.value,
        "seconds": event.seconds,
        "detail": event.detail,
    }


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
