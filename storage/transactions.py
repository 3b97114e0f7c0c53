"""Connections and transactions, the same way on SQLite and PostgreSQL."""

import json
import os
import re
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any, Self

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError, NoSuchModuleError, SQLAlchemyError

from hounsfield.storage.errors import DatabaseUnavailable, StorageError
from hounsfield.storage.server_connections import CONNECT_SECONDS, Patience, watch

_LOCK_WAIT_SECONDS = 15
"""How long a transaction waits for another process before it is refused."""
ANSWER_SECONDS = 20.0
"""How long a server may take to answer a statement; see :mod:`hounsfield.storage.server_connections`."""

_SEVERAL_HOSTS = re.compile(
    r"(?P<scheme>postgres[^:/]*://)(?P<user>[^@/]*@)?(?P<hosts>[^/?@]*,[^/?@]*)(?P<rest>[/?].*)?"
)
"""libpq's way to name a server and its standbys: ``postgresql://a:5432,b/NAME`` (PostgreSQL manual, 34.1.1.3)."""

_BEGIN = "hounsfield_begin"
_FILE = "hounsfield_file"


def parse_url(url: str) -> URL:
    """Return the parsed URL; raise StorageError for one that names no database of ours."""
    try:
        parsed = _parse(url)
        parsed.get_dialect()
    except (ArgumentError, NoSuchModuleError):
        raise StorageError("storage.database_url is neither sqlite:///PATH nor postgresql://HOST/NAME") from None
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise StorageError("storage.database_url is neither sqlite:///PATH nor postgresql://HOST/NAME")
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise StorageError("storage.database_url needs the path of a file: sqlite:///PATH")
    return parsed


def _parse(url: str) -> URL:
    several = _SEVERAL_HOSTS.fullmatch(url)
    if several is None:
        return make_url(url)
    parsed = make_url(f"{several['scheme']}{several['user'] or ''}{several['rest'] or ''}")
    names, ports = zip(*(one.partition(":")[::2] for one in several["hosts"].split(",")), strict=True)
    if "" in names or not all(re.fullmatch("[0-9]*", port) for port in ports):
        raise ArgumentError("not hosts")
    return parsed.update_query_dict({"host": ",".join(names), "port": ",".join(port or "5432" for port in ports)})


def make_engine(
    url: URL,
    *,
    may_create: bool = True,
    patience_seconds: float = _LOCK_WAIT_SECONDS,
    answer_seconds: float | None = None,
) -> Engine:
    """Return an engine with our pragmas, transaction control and JSON rules. Opens no connection.

    ``may_create``: whether a SQLite file that is not there is made; if not, the database is unavailable.
    ``patience_seconds``: how long a transaction waits for another process before it is refused.
    ``answer_seconds``: how long a server may take to answer a statement; None for ever, and for locks too.
    """
    if url.get_backend_name() == "sqlite":
        engine = create_engine(
            url,
            connect_args={"timeout": patience_seconds},
            pool_size=8,
            max_overflow=-1,
            hide_parameters=True,
            json_serializer=_json,
        )
        event.listen(engine, "do_connect", _create_private_file if may_create else _require_file)
        event.listen(engine, "connect", _set_pragmas)
        event.listen(engine, "checkout", _refuse_moved_file)
        event.listen(engine, "begin", _begin)
        return engine
    try:
        engine = create_engine(
            url,
            connect_args={"connect_timeout": min(max(round(patience_seconds), 2), CONNECT_SECONDS)},
            pool_size=8,
            max_overflow=16,
            hide_parameters=True,
            json_serializer=_json,
        )
    except ModuleNotFoundError:
        raise StorageError("PostgreSQL needs its driver: install the extra `postgres` (docs/supply-chain.md)") from None
    watch(engine, None if answer_seconds is None else Patience(lock=patience_seconds, answer=answer_seconds))
    return engine


def _json(value: Any) -> str:
    # PostgreSQL refuses NaN, so SQLite has to.
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        raise StorageError("a number that is not finite cannot be stored as JSON") from None


def _create_private_file(_dialect: Any, _record: Any, arguments: list[Any], _parameters: dict[str, Any]) -> None:
    # SQLite would create it by the umask; the journal and shared memory take the mode of the database. One that is
    # there must not be opened: closing it would drop the locks of all connections of this process
    # (sqlite.org/howtocorrupt, 2.2), and the next process to leave would take the journal away from under them.
    with suppress(FileExistsError):
        os.close(os.open(arguments[0], os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _require_file(_dialect: Any, record: Any, arguments: list[Any], _parameters: dict[str, Any]) -> None:
    record.info[_FILE] = _identity(arguments[0])


def _refuse_moved_file(_connection: Any, record: Any, _proxy: Any) -> None:
    # SQLite goes on with a file that was moved away or replaced: what it commits there is gone with the last process.
    if _FILE in record.info and record.info[_FILE] != _identity(record.info[_FILE][0]):
        raise DisconnectionError("the database file is another one now")


def _identity(path: str) -> tuple[str, int, int]:
    found = os.stat(path)  # noqa: PTH116 - once per transaction
    return path, found.st_dev, found.st_ino


def _set_pragmas(connection: Any, _record: Any) -> None:
    # The driver must not begin transactions on its own: it would begin late, and DEFERRED.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))


class Transactions:
    """Gives out transactions and turns the library's errors into ours, without the values they carry."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # BEGIN IMMEDIATE: a transaction that reads before it writes must not find its snapshot stale at the write.
        self._writer = engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})
        # SQLite's own wait for the write lock is a sleep of up to 100 ms; our threads queue up here instead.
        self._turn: AbstractContextManager[Any] = nullcontext()
        if engine.dialect.name == "sqlite":
            self._turn = threading.Lock()

    @classmethod
    def of_its_own(cls, url: str, patience_seconds: float) -> Self:
        """Return those over connections for one purpose, which waits no longer than that; none is opened yet.

        They make no database: until there is one every transaction raises DatabaseUnavailable.
        """
        answer_seconds = 2 * patience_seconds
        return cls(
            make_engine(
                parse_url(url), may_create=False, patience_seconds=patience_seconds, answer_seconds=answer_seconds
            )
        )

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent look at the database."""
        with _translated(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction: committed (durable) when the block ends, rolled back when it raises."""
        with _translated(), self._turn, self._writer.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        code = getattr(error.orig, "sqlite_errorname", None) or getattr(error.orig, "sqlstate", None)
        text = f"the database refused the transaction ({type(error).__name__}, {code or 'no code'})"
        # The driver's own text may quote values of the row, so it does not travel along.
        raise DatabaseUnavailable(text) from None
    except OSError as error:
        raise DatabaseUnavailable(f"the database file cannot be opened ({error.strerror})") from error
    except SQLAlchemyError as error:
        ours = getattr(error, "orig", None)  # raised by our own types while a statement was put together
        if isinstance(ours, StorageError):
            raise ours from None
        raise StorageError(f"the database could not be used ({type(error).__name__})") from None
