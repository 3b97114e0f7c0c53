"""What the doctor says of those who are told of results and alarms: whether they listen. Nothing is sent to them."""

import socket
from collections.abc import Iterator

from hounsfield.daemon.cli.check import Check, Level
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.notifications.http_post import target_of
from hounsfield.daemon.notifications.senders import address_of, file_problem


def check_notifiers(settings: Settings, timeout_seconds: float) -> Iterator[Check]:
    """Tell which [[notify]] can be connected to; its secret is the business of the configuration's warnings."""
    for notifier in settings.notify:
        host, port = address_of(notifier)
        label = f"{notifier.name} ({notifier.kind} at {host}:{port})"
        try:
            socket.create_connection((host, port), timeout=timeout_seconds).close()
        except OSError as error:
            mend = "notifications wait and are sent when it answers; check address and firewall"
            yield Check("notify", Level.PROBLEM, f"{label}: {error.strerror or 'no answer in time'}", mend)
        else:
            mend = f"`hounsfield notify test {notifier.name}` sends it a message"
            yield Check("notify", Level.OK, f"{label} listens", mend)


def check_alarm_webhook(settings: Settings, timeout_seconds: float) -> Iterator[Check]:
    """Tell whether who is told of alarms can be connected to, and the secret be read."""
    alarms = settings.alarms
    if alarms.webhook is None:
        return
    file = alarms.webhook_secret_file
    if file is not None and (problem := file_problem(file, "nobody is told of alarms")):
        mend = "give the service's user a file that it alone may read"
        yield Check("alarms", Level.PROBLEM, f"alarms.webhook_secret_file: {problem}", mend)
    try:
        host, port = target_of(alarms.webhook)
        socket.create_connection((host, port), timeout=timeout_seconds).close()
    except ValueError:
        mend = 'give a URL as "https://alarms.example.org/hounsfield"'
        yield Check("alarms", Level.PROBLEM, "alarms.webhook names no host, or a port that is none", mend)
    except OSError as error:
        mend = "beginnings and ends of alarms wait and are told when it answers; check address and firewall"
        message = f"alarms.webhook at {host}:{port}: {error.strerror or 'no answer in time'}"
        yield Check("alarms", Level.PROBLEM, message, mend)
    else:
        yield Check("alarms", Level.OK, f"alarms.webhook at {host}:{port} listens")
