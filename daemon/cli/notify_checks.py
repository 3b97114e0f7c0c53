"""What the doctor says of those who are notified: whether they listen. Nothing is sent to them."""

import socket
from collections.abc import Iterator

from hounsfield.daemon.cli.check import Check, Level
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.notifications.senders import address_of


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
