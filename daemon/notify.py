"""Talks to the service manager (sd_notify protocol: one datagram to $NOTIFY_SOCKET)."""

import os
import socket
import time
from contextlib import suppress

from hounsfield.daemon import sign_of_life
from hounsfield.daemon.clock import Clock

WATCHDOG = "WATCHDOG=1"
"""The state that says that the service turns."""


def notify(state: str) -> bool:
    """Send ``state`` (for example ``READY=1``); False where no service manager listens."""
    if state == WATCHDOG and (file := sign_of_life.sign_file()):
        with suppress(OSError):  # then it is missed, and whoever looks says so
            sign_of_life.write_sign(file, time.monotonic())
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return False
    if address.startswith("@"):  # abstract socket
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(address)
            sock.sendall(state.encode())
        except OSError:
            return False
    return True


def watchdog_seconds() -> float | None:
    """Return after how much silence this process is taken for dead; None if nobody watches it.

    Twice as often it has to say :data:`WATCHDOG`.
    """
    unheard = None if sign_of_life.sign_file() is None else 2 * sign_of_life.BEAT_SECONDS
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return unheard
    return int(microseconds) / 1e6 if microseconds.isdigit() and int(microseconds) else unheard


class ServiceWatchdog:
    """Tells the service manager in time that the supervisor still turns."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        seconds = watchdog_seconds()
        self._pause = None if seconds is None else seconds / 2
        self._next = float("-inf")

    def pat(self) -> None:
        """Say :data:`WATCHDOG` when half of the time has gone; call it as often as you like."""
        now = self._clock.monotonic()
        if self._pause is not None and now >= self._next:
            self._next = now + self._pause
            notify(WATCHDOG)
