"""Builds the way to a receiver from its [[notify]], and says what is wrong with its secret."""

import stat
from pathlib import Path

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.config.destinations import Notifier
from hounsfield.daemon.notifications.answers import Sender
from hounsfield.daemon.notifications.http_post import target_of
from hounsfield.daemon.notifications.mllp import Hl7Sender
from hounsfield.daemon.notifications.oru import Addressing
from hounsfield.daemon.notifications.webhook import WebhookSender, read_secret


def sender_of(notifier: Notifier, site_name: str, clock: Clock) -> Sender:
    """Return the way to ``notifier``; ``site_name`` is the sending facility (MSH-4)."""
    if notifier.url is not None and notifier.secret_file is not None and notifier.kind == "webhook":
        return WebhookSender(
            notifier.url,
            notifier.secret_file,
            include_patient=notifier.include_patient,
            timeout_seconds=notifier.timeout_seconds,
            clock=clock,
        )
    addressing = Addressing(
        sending_facility=site_name,
        receiving_application=notifier.receiving_application,
        receiving_facility=notifier.receiving_facility,
    )
    host, port = address_of(notifier)
    return Hl7Sender(host, port, addressing, notifier.timeout_seconds)


def address_of(notifier: Notifier) -> tuple[str, int]:
    """Return host and TCP port it listens on; raise ValueError if its URL names none."""
    if notifier.kind == "webhook":
        return target_of(notifier.url or "")
    return notifier.host or "", notifier.port or 0


def secret_problem(notifier: Notifier) -> str:
    """Return what is wrong with the file of its secret, in words; empty if nothing is."""
    if notifier.kind != "webhook" or notifier.secret_file is None:
        return ""
    return file_problem(notifier.secret_file, "nothing is sent without a signature")


def file_problem(file: Path, otherwise: str) -> str:
    """Return what is wrong with the file of a secret; ``otherwise`` is what comes of one that cannot be used."""
    try:
        mode = file.stat().st_mode
        read_secret(file)
    except OSError as error:
        return f"{file} cannot be read ({error.strerror}): {otherwise}"
    except ValueError:
        return f"{file} is empty: {otherwise}"
    if mode & stat.S_IRWXO:
        return f"{file} is open to every user of this machine: `chmod o= {file}`"
    return ""
