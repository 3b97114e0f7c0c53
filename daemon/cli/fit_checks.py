"""Whether engine, database and spool fit together, looked at without changing anything."""

import socket
from collections.abc import Iterator

from hounsfield.daemon.cli.check import Check, Level
from hounsfield.daemon.cli.context import opened
from hounsfield.daemon.clock import SystemClock
from hounsfield.daemon.config.misfits import Misfit
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.fit import configured_misfits, shared_misfits
from hounsfield.storage import engine
from hounsfield.storage.errors import StorageError


def misfits_of(settings: Settings) -> Iterator[Misfit]:
    """Yield what a start would refuse. Of a database that cannot be asked nothing is said: `doctor` says that it is."""
    yield from configured_misfits(settings)
    url = settings.storage.resolved_database_url
    try:
        current, head = engine.check(url)
        if current is None or current != head:
            return
        with opened(settings) as database:
            yield from shared_misfits(settings, database, socket.gethostname(), SystemClock(), may_settle=False)
    except StorageError:
        return


def check_fit(settings: Settings) -> Iterator[Check]:
    """Tell whether database, spool and this host fit together."""
    misfits = list(misfits_of(settings))
    for one in misfits:
        yield Check("hosts", Level.PROBLEM, f"{one.key}: {one.wrong}", one.allowed)
    if not misfits:
        yield Check("hosts", Level.OK, "queue, database, spool and this host fit together")
