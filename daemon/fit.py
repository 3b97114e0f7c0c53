"""Whether engine, database and spool fit together: asked at each start, by ``doctor`` and by ``config check``.

What does not fit is refused by the name of the setting, before anything is written: two hosts on one SQLite file lose
what they commit, and a spool that is not the one of the database looks like a spool from which all images are gone.
"""

import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from hounsfield.daemon.beats import BEAT_SECONDS, GONE_AFTER, has_ended
from hounsfield.daemon.clock import Clock
from hounsfield.daemon.config.misfits import Misfit
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.errors import ConfigurationError
from hounsfield.storage.components import Component, ComponentStore
from hounsfield.storage.errors import SpoolError
from hounsfield.storage.file_systems import MOUNTS, mount_of
from hounsfield.storage.identity import NotTheFolder, is_settled, settle_identity
from hounsfield.storage.site_facts import SHARED, SPOOL

if TYPE_CHECKING:
    from hounsfield.storage.engine import Database  # imported by roles, not by their supervisor

_PATIENCE_SECONDS = 2.5 * BEAT_SECONDS
_PAUSE_SECONDS = 0.5
_URL = "storage.database_url"
_POSTGRESQL = "use PostgreSQL (postgresql://USER@HOST/DATABASE), which `hounsfield db copy` moves the job log to"


def configured_misfits(settings: Settings, mounts: Path = MOUNTS) -> Iterator[Misfit]:
    """Yield what is wrong whatever the database says: it is not opened, and nothing is made."""
    yield from _database_on_network(settings, mounts)
    yield from _cache_on_network(settings, mounts)
    storage = settings.storage
    for key, folder in dict.fromkeys(
        ((storage.shared_key, storage.shared_folder), (storage.spool_key, storage.spool_folder))
    ):
        if folder.exists() and (why := _refused(folder)):
            yield Misfit(
                key=key,
                wrong=f'"{folder}" takes no files ({why})',
                allowed="give the user of the service write access to it; an export of NFS with root_squash takes none "
                "from root, so run the service as a user of its own, with the same number on all hosts",
            )


def _database_on_network(settings: Settings, mounts: Path) -> Iterator[Misfit]:
    file = settings.storage.database_file
    if file is None:
        return
    mount = mount_of(file, mounts)
    if mount.is_network:
        yield Misfit(
            key=_URL if settings.storage.database_url else "storage.home",
            wrong=f'"{file}" lies on a network file system ({mount.kind}), on which SQLite loses what it commits',
            allowed=f"put it on a disk of this host, or {_POSTGRESQL}",
        )


def _cache_on_network(settings: Settings, mounts: Path) -> Iterator[Misfit]:
    cache = settings.storage.cache
    if cache is not None and (mount := mount_of(cache, mounts)).is_network:
        yield Misfit(
            key="storage.cache",
            wrong=f'"{cache}" lies on a network file system ({mount.kind})',
            allowed="name a folder on a disk of this host, or leave it out",
        )


def _refused(folder: Path) -> str:
    """Return why a folder takes no file, empty where it does."""
    probe = folder / f".hounsfield-{secrets.token_hex(8)}"
    try:
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError as error:
        return error.strerror or type(error).__name__
    with suppress(OSError):
        probe.unlink()
    return ""


def other_hosts(components: Sequence[Component], host: str, clock: Clock) -> dict[str, Component]:
    """Return the processes of other hosts that said a moment ago that they live, by their names."""
    now = clock.now()
    return {
        one.name: one
        for one in components
        if one.host != host and not has_ended(one) and now - one.seen_at < GONE_AFTER + timedelta(seconds=1)
    }


def living_hosts(
    store: ComponentStore, host: str, clock: Clock, sleep: Callable[[float], object] = time.sleep
) -> list[str]:
    """Return the other hosts that say again that they live, while we look; those that died a moment ago do not.

    Waits for up to two and a half beats, where there is somebody to wait for. Raise DatabaseUnavailable.
    """
    first = other_hosts(store.all(), host, clock)
    deadline = clock.monotonic() + _PATIENCE_SECONDS
    while first and clock.monotonic() < deadline:
        sleep(_PAUSE_SECONDS)
        again = {one.name: one for one in store.all()}
        heard = {one.host for name, one in again.items() if name in first and one.seen_at > first[name].seen_at}
        if heard:
            return sorted(heard)
    return []


def shared_misfits(
    settings: Settings,
    database: "Database",
    host: str,
    clock: Clock,
    *,
    sleep: Callable[[float], object] = time.sleep,
    may_settle: bool = True,
) -> Iterator[Misfit]:
    """Yield what is wrong by the database; with ``may_settle`` it knows folders from now on that it does not know yet.

    Raise DatabaseUnavailable, and SpoolError for a folder that cannot be read.
    """
    if database.file is not None and (others := living_hosts(database.components, host, clock, sleep)):
        yield Misfit(
            key=_URL,
            wrong=f'"{database.file}" is a SQLite file, which one host can use, and {_named(others)} uses it now',
            allowed=f"stop the service there, or {_POSTGRESQL}",
        )
        return
    storage = settings.storage
    folders = {SPOOL: (storage.spool_key, storage.spool_folder), SHARED: (storage.shared_key, storage.shared_folder)}
    for name, (key, folder) in folders.items():
        try:
            if may_settle or is_settled(database.site_facts, name):
                settle_identity(folder, database.site_facts, name, clock.now())
        except NotTheFolder as error:
            hosts = sorted({one.host for one in other_hosts(database.components.all(), host, clock).values()})
            yield _another_folder(key, folder, hosts, found=error.found)


def _another_folder(key: str, folder: Path, hosts: Sequence[str], *, found: bool) -> Misfit:
    what = "belongs to another site" if found else "is not the folder that the database knows"
    mount = mount_of(folder)
    where = f", it lies on this host alone ({mount.kind})" if mount.kind and not mount.is_network else ""
    if hosts:
        wrong = f'"{folder}" {what}: {_named(hosts)} works on the same database with another one{where}'
        allowed = "mount the folder that all hosts share, and name it in storage.shared on each of them"
    else:
        wrong = f'"{folder}" {what}{where}'
        allowed = "is its disk mounted? Where the old one is lost, `hounsfield db spool --accept` takes this one"
    return Misfit(key=key, wrong=wrong, allowed=allowed)


def _named(hosts: Sequence[str]) -> str:
    return f"host {hosts[0]}" if len(hosts) == 1 else "one of the hosts " + ", ".join(hosts)


def refuse(settings: Settings, misfits: Iterator[Misfit]) -> None:
    """Raise :class:`ConfigurationError` that names all of them, if there are any."""
    problems = tuple(settings.origin.problem(one.key, one.wrong, one.allowed) for one in misfits)
    if problems:
        raise ConfigurationError(problems)


def refuse_misfits(settings: Settings, database: "Database", host: str, clock: Clock) -> None:
    """Refuse to start where something does not fit. Raise ConfigurationError, StorageError."""
    try:
        refuse(settings, shared_misfits(settings, database, host, clock))
    except SpoolError as error:
        key = settings.storage.spool_key
        refuse(settings, iter([Misfit(key=key, wrong=str(error), allowed="mend the folder, or name another one")]))
