"""What an alarm is called, and what to do about it: for log, webhook, command line and pages."""

from collections.abc import Mapping
from datetime import datetime

from hounsfield.daemon.logs import escape_controls
from hounsfield.daemon.moments import iso_utc
from hounsfield.storage.alarms import AlarmKind, Condition

LONGEST_SUBJECT = 255

BEGINS: Mapping[AlarmKind, str] = {
    AlarmKind.SCANNER_SILENT: "a scanner that normally sends has fallen silent",
    AlarmKind.QUEUE_OLD: "jobs wait for longer than they should",
    AlarmKind.DEAD_LETTERS: "jobs were given up",
    AlarmKind.SERIES_HELD: "a person is waited for",
    AlarmKind.DISK: "a file system is nearly full, or cannot be asked",
    AlarmKind.CERTIFICATE: "a certificate runs out, or cannot be used",
    AlarmKind.DRIFT: "a bundle no longer sees, or answers, what it used to",
    AlarmKind.MODEL_SELFTEST: "a bundle cannot be used: its series are not analysed",
    AlarmKind.DESTINATION_DOWN: "a destination is out of reach: its results wait",
    AlarmKind.COMPONENT_DOWN: "a process of the service is not heard of",
}
"""Behind "ALARM: "."""

ENDS: Mapping[AlarmKind, str] = {
    AlarmKind.SCANNER_SILENT: "a scanner that was silent sends again, or is no longer expected to",
    AlarmKind.QUEUE_OLD: "no job waits for longer than it should",
    AlarmKind.DEAD_LETTERS: "jobs that were given up were looked at, tried again, or are a week old",
    AlarmKind.SERIES_HELD: "nobody is waited for",
    AlarmKind.DISK: "a file system has room again",
    AlarmKind.CERTIFICATE: "a certificate is good for a while again",
    AlarmKind.DRIFT: "a bundle is as it used to be, or has another baseline, or nothing comes from there any more",
    AlarmKind.MODEL_SELFTEST: "a bundle can be used again, or is no longer wanted",
    AlarmKind.DESTINATION_DOWN: "a destination answers again, or is no longer configured",
    AlarmKind.COMPONENT_DOWN: "a process of the service is back, or is no longer expected",
}

DO: Mapping[AlarmKind, str] = {
    AlarmKind.SCANNER_SILENT: "ask whether it is in use; if so, send a test from it and look at `hounsfield peers`",
    AlarmKind.QUEUE_OLD: "see that nothing is paused and that its worker or destination is well: `hounsfield doctor`",
    AlarmKind.DEAD_LETTERS: "`hounsfield jobs list --state DISCARDED`, then `jobs retry`, or `alarms acknowledge`",
    AlarmKind.SERIES_HELD: "`hounsfield series list --state HELD` says why; release or discard them",
    AlarmKind.DISK: "make room: when it is full, images are refused (A700)",
    AlarmKind.CERTIFICATE: "put a new one in its place: that counts without a restart; `hounsfield tls show`",
    AlarmKind.DRIFT: "`hounsfield drift report` shows what has moved",
    AlarmKind.MODEL_SELFTEST: "`hounsfield bundle selftest`, and the log of the worker",
    AlarmKind.DESTINATION_DOWN: "`hounsfield destinations`; results are sent when it answers",
    AlarmKind.COMPONENT_DOWN: "look into the log of the service on that machine",
}
"""What the operator can do."""


def subject(text: str) -> str:
    """Return ``text`` as an alarm may name it: printable, and not longer than its column."""
    return escape_controls(text)[:LONGEST_SUBJECT]


def title(alarm: Condition) -> str:
    """Return one line that says what is wrong with what: ``destination-down: pacs``."""
    return f"{alarm.kind}: {alarm.subject}" if alarm.subject else str(alarm.kind)


def remedy(alarm: Condition) -> str:
    """Return what the operator can do about it."""
    return str(alarm.detail.get("do") or DO[alarm.kind])


def facts(alarm: Condition) -> dict[str, object]:
    """Return how bad it is, without what to do."""
    return {key: value for key, value in alarm.detail.items() if key != "do"}


def moment(at: datetime) -> str:
    """Return a time as it stands in the detail of an alarm: ISO 8601 UTC, to the second."""
    return iso_utc(at, "seconds")
