"""What the commands share that change the database as a whole: nobody may use it meanwhile, and the event log tells."""

from typing import TYPE_CHECKING

from hounsfield.daemon.cli.context import opened
from hounsfield.daemon.cli.exits import CommandFailed
from hounsfield.daemon.cli.person import ORIGIN, person
from hounsfield.daemon.clock import SystemClock

if TYPE_CHECKING:
    from hounsfield.daemon.config.settings import Settings
    from hounsfield.storage.operations import Action, Operation

_STOP = "stop it first: `systemctl stop hounsfield`"
_PATIENCE_SECONDS = 2.0


def refuse_beside_receivers(settings: "Settings") -> None:
    """Raise :class:`CommandFailed` while a receiver of this machine writes to the spool."""
    from hounsfield.storage.spool import Spool

    spool = Spool(settings.storage.spool_folder)
    if spool.folder.exists() and spool.writers():
        raise CommandFailed("the service receives into this spool", _STOP)


def refuse_beside_service(settings: "Settings") -> None:
    """Raise :class:`CommandFailed` while any process uses the database, of whatever schema and host."""
    refuse_beside_receivers(settings)
    if users := users_of(settings):
        raise CommandFailed(users, _STOP + ", on every host; commands such as `hounsfield top` use it too")


def users_of(settings: "Settings") -> str:
    """Return in words who uses the database now, empty for nobody. Raise DatabaseUnavailable for a server that is down.

    A file is asked for itself. On a server the processes of the service say that they live: where one did a moment ago,
    this waits for up to thirteen seconds to hear it again.
    """
    from hounsfield.storage.errors import DatabaseUnavailable
    from hounsfield.storage.upkeep import opened_alone

    file = settings.storage.database_file
    if file is None:
        hosts = _living_hosts(settings)
        return f"the service lives on {', '.join(hosts)}" if hosts else ""
    if not file.exists():
        return ""
    try:
        with opened_alone(file):
            return ""
    except DatabaseUnavailable:
        return f"a process has {file} open"


def _living_hosts(settings: "Settings") -> list[str]:
    from hounsfield.daemon.app import clock_of
    from hounsfield.daemon.fit import living_hosts
    from hounsfield.storage import engine
    from hounsfield.storage.component_store import SqlComponentStore
    from hounsfield.storage.schema import NAMES_PROCESSES

    url = settings.storage.resolved_database_url
    current, _ = engine.check(url)
    if current is None or current < NAMES_PROCESSES:
        return []
    store = SqlComponentStore.open(url, _PATIENCE_SECONDS)
    try:
        return living_hosts(store, "", clock_of(settings))
    finally:
        store.close()


def operation(action: "Action", by: str | None, detail: dict[str, object]) -> "Operation":
    """Return what the event log is told of a command."""
    from hounsfield.storage.operations import Operation

    return Operation(at=SystemClock().now(), action=action, person=person(by), origin=ORIGIN, detail=detail)


def note(settings: "Settings", action: "Action", by: str | None, detail: dict[str, object]) -> None:
    """Write what was done to the event log; a database of another schema stays as it is, and is told nothing."""
    from hounsfield.storage.engine import check

    current, head = check(settings.storage.resolved_database_url)
    if current != head:
        return
    with opened(settings) as database:
        database.operations.note(operation(action, by, detail))
