"""The composition root: the only place where the parts of the daemon meet; its builders stand in daemon/composition.

Imports stand inside the builders, so that a receiver never pays for highdicom and only a worker for TensorFlow.
"""

from importlib.metadata import version
from typing import TYPE_CHECKING

from hounsfield.daemon.clock import Clock, DatabaseClock, SystemClock
from hounsfield.daemon.composition.assembling import Assembling
from hounsfield.daemon.composition.inferring import Inferring
from hounsfield.daemon.composition.receiving import Receiving
from hounsfield.daemon.composition.tidying import Tidying
from hounsfield.daemon.config.settings import Settings
from hounsfield.storage.server_clock import ServerClock

if TYPE_CHECKING:
    from fastapi import FastAPI

    from hounsfield.daemon.console.live import Live


_CLOCK_PATIENCE = 5.0
"""Seconds that the first look at the clock of a database server may take."""


class Application(Receiving, Assembling, Tidying, Inferring):
    """One process's parts, built on first use."""

    def console(self) -> "tuple[FastAPI, Live]":
        """Build the web pages, and what tells them of changes."""
        from hounsfield.daemon.console.app import make_app
        from hounsfield.daemon.console.live import Live
        from hounsfield.daemon.console.parts import ConsoleParts

        live = Live(self.database.watcher())
        parts = ConsoleParts(
            settings=self.settings,
            database=self.database,
            files=self.files,
            home=self.home,
            hasher=self.hasher,
            clock=self.clock,
            version=version("hounsfield"),
            host=self.host,
        )
        return make_app(parts, live), live


def clock_of(settings: Settings) -> Clock:
    """Return this machine's clocks; where hosts share a database server, its clock, which they agree on.

    Nothing is opened before the time is asked for.
    """
    url = settings.storage.resolved_database_url
    return SystemClock() if url.startswith("sqlite") else DatabaseClock(ServerClock(url, _CLOCK_PATIENCE).read)


def build(settings: Settings, *, may_upgrade: bool = False) -> Application:
    """Return the application on the clocks that its settings call for.

    The service ``may_upgrade`` its database when it starts; a command must not do so under a service that runs.
    """
    return Application(settings, clock_of(settings), may_upgrade)
