"""``hounsfield destinations``: where results go, and how each destination is doing."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hounsfield.daemon.cli.context import ConfigOption, JsonOption, open_stores
from hounsfield.daemon.cli.output import json_line, local, note, show_table
from hounsfield.daemon.cli.pause_notes import tell_pauses

if TYPE_CHECKING:
    from hounsfield.daemon.config.destinations import Destination
    from hounsfield.storage.destination_state import Backlog, DestinationState

_EVER = datetime(1970, 1, 1, tzinfo=UTC)
COLUMNS = ("name", "kind", "where", "state", "waiting", "held", "delivered in 24 h", "given up", "last answer")


def destinations(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """List the destinations: whether each answers, since when not and why, and how many results wait for it.

    In --json `delivered` counts every delivery that the job log still holds, `delivered_in_24_h` those of the last day.
    """
    from hounsfield.storage.destination_state import Backlog

    with open_stores(config) as (settings, database):
        tell_pauses(database.control)
        states = {state.name: state for state in database.destination_states.all()}
        backlogs = database.destination_states.backlogs(datetime.now(UTC) - timedelta(days=1))
        ever = database.destination_states.backlogs(_EVER) if as_json else {}
    found = [(one, states.get(one.name), backlogs.get(one.name, Backlog())) for one in settings.destination]
    if as_json:
        for row in found:
            json_line(_json(*row, delivered=ever.get(row[0].name, Backlog()).delivered))
    elif found:
        show_table(COLUMNS, [_row(*row) for row in found])
    if not found:
        note("no [[destination]] is configured: results are kept and go nowhere")
    for name in sorted(set(backlogs) - {one.name for one in settings.destination}):
        if backlogs[name].waiting:
            note(f"{backlogs[name].waiting} wait for '{name}', which is no longer configured")


def _json(
    destination: "Destination", state: "DestinationState | None", backlog: "Backlog", *, delivered: int
) -> dict[str, object]:
    """Return the fields of ``--json``; fixed, later versions only add."""
    away = state is not None and state.is_open
    return {
        "name": destination.name,
        "kind": destination.kind,
        "where": destination.where,
        "state": _word(state),
        "since": None if state is None else state.since,
        "reason": None if state is None or state.reason is None else state.reason.value,
        "failures": 0 if state is None else state.failures,
        "next_test": state.probe_at if state is not None and away else None,
        "waiting": backlog.waiting,
        "held": backlog.held,
        "delivered": delivered,
        "given_up": backlog.given_up,
        "last_answer": None if state is None else state.answered_at,
        "delivered_in_24_h": backlog.delivered,
    }


def _row(destination: "Destination", state: "DestinationState | None", backlog: "Backlog") -> tuple[str, ...]:
    return (
        destination.name,
        destination.kind,
        destination.where,
        _state(state),
        str(backlog.waiting),
        str(backlog.held),
        str(backlog.delivered),
        str(backlog.given_up),
        "" if state is None else local(state.answered_at),
    )


def _word(state: "DestinationState | None") -> str:
    if state is None:
        return "unknown"
    return "away" if state.is_open else "ok"


def _state(state: "DestinationState | None") -> str:
    if state is None or not state.is_open:
        return _word(state)
    why = "" if state.reason is None else f" ({state.reason.value})"
    return f"away since {local(state.since)}{why}, next test {local(state.probe_at)}"
