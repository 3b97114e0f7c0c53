"""Every role lives through a PostgreSQL that ends and comes back; nobody restarts anything."""

import signal
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.daemon import Daemon
from support.datasets import tiny
from support.kills import OUT_OF_RESOURCES, STORED
from support.peers import free_port
from support.postgres import PostgreSQL, postgresql
from support.waiting import wait_until
from support.wire import ALLOWED, associated

from hounsfield.storage.engine import open_database, upgrade
from hounsfield.storage.states import SeriesState

ROLES = ("receiver", "assembler", "courier", "console")
SECONDS = 60.0


@pytest.fixture
def node() -> Iterator[PostgreSQL]:
    with postgresql() as made:
        made.execute("CREATE DATABASE jobs")
        upgrade(made.url("jobs"))
        yield made


def send(port: int, series: str, number: int = 1) -> int:
    """Store one image; return the status."""
    instance = f"{series}.{number}"
    with associated(port, ALLOWED) as connection:
        return connection.store(tiny(instance=instance, series=series), instance)


def readyz(port: int) -> int | None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def test_all_roles_go_on_when_the_server_is_back(node: PostgreSQL, tmp_path: Path) -> None:
    url, console = node.url("jobs"), free_port()
    settings = {
        "HOUNSFIELD_STORAGE__DATABASE_URL": url,
        "HOUNSFIELD_CONSOLE__PORT": str(console),
        "HOUNSFIELD_DICOM__MIN_FREE_BYTES": "0",
        "HOUNSFIELD_DICOM__MIN_FREE_PERCENT": "0",
    }
    database = open_database(url, tmp_path)

    def state(series: str) -> str | None:
        found = database.series.find(series)
        return None if found is None else found.state

    node.end()
    daemon = Daemon(tmp_path / "home", settings=settings)

    def start_once_it_is_waited_for() -> None:
        wait_until(
            lambda: daemon.log_file.exists() and "waiting for the server" in daemon.log_file.read_text(), SECONDS
        )
        node.start()

    starting = threading.Thread(target=start_once_it_is_waited_for)
    starting.start()
    with daemon.start(*ROLES):
        starting.join()
        wait_until(lambda: readyz(console) == 200, SECONDS, 0.2)
        children = [daemon.children(role) for role in ROLES]
        assert send(daemon.port, "1.2.1") == STORED
        wait_until(lambda: state("1.2.1") == SeriesState.SKIPPED, SECONDS)
        node.end(signal.SIGQUIT)
        numbers = iter(range(1, 1000))
        wait_until(lambda: send(daemon.port, "1.2.2", next(numbers)) == OUT_OF_RESOURCES, SECONDS)
        assert readyz(console) == 503
        node.start()
        wait_until(lambda: send(daemon.port, "1.2.3") == STORED, SECONDS, 0.2)
        wait_until(lambda: state("1.2.2") == state("1.2.3") == SeriesState.SKIPPED, SECONDS)
        wait_until(lambda: readyz(console) == 200, SECONDS, 0.2)
        assert [daemon.children(role) for role in ROLES] == children, "no process was started anew"
    database.close()
