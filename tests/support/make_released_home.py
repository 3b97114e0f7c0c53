"""Makes the home that a release leaves behind, by that release itself: to be run once, before the schema changes.

    PYTHONPATH=tests .venv/bin/python -m support.make_released_home tests/migration/data

It holds series in all states, an analysis that was running when everything was killed, results that wait for a PACS
that is away, a series of which too few images have come, and images that were acknowledged and not yet registered.
Everything is done through the network and the command line, so that it runs with older releases too:
docs/upgrading.md tells how. All images are drawn.
"""

import json
import random
import shutil
import sqlite3
import sys
import tarfile
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from pydicom import Dataset, dcmread
from support.cluster.material import Series, Supply, data_set_sha256
from support.daemon import Daemon
from support.peers import free_port
from support.sending import dcmsend
from support.waiting import wait_until

NAMES = ("analysed", "skipped", "held", "running", "receiving", "unregistered")
"""The series, by what becomes of them."""
LEFT_OUT = ("hounsfield.db", "previews", "bundles", "scratch")
"""The database goes beside the files, as SQL that people can read; the others would only be large."""


def make(target: Path) -> Path:
    """Make it below ``target``, in a folder with the number of the schema; return that."""
    with TemporaryDirectory() as temporary:
        home = Path(temporary) / "home"
        supply = Supply(Path(temporary), random.Random(6))
        named = {name: supply.next() for name in NAMES}
        _change(named["skipped"], lambda _, image: setattr(image, "BodyPartExamined", "CHEST"))
        _change(named["held"], lambda number, image: setattr(image, "PatientID", f"SYNTHETIC-{number % 2}"))
        _live(home, named)
        return _keep(home, target, named)


def _change(series: Series, how: Callable[[int, Dataset], object]) -> None:
    for number, path in enumerate(series.files):
        image = dcmread(path)
        how(number, image)
        image.save_as(path)


def _live(home: Path, named: dict[str, Series]) -> None:
    away = {"name": "pacs", "ae_title": "ORTHANC", "host": "127.0.0.1", "port": free_port()}
    file = home / "hounsfield.db"
    with Daemon(home, [away]).start() as daemon:
        for name in ("analysed", "skipped", "held"):
            dcmsend(daemon.port, named[name].files)
        wait_until(lambda: _has(file, "job WHERE kind = 'DELIVER' AND state = 'RETRYABLE'"), 90)
        for state in ("SKIPPED", "HELD"):
            wait_until(lambda state=state: _has(file, f"series WHERE state = '{state}'"), 60)
        dcmsend(daemon.port, named["running"].files)
        wait_until(lambda: _has(file, "job WHERE kind = 'INFER' AND state = 'RUNNING'"), 60, 0.001)
        daemon.kill()
    assert _has(file, "job WHERE kind = 'INFER' AND state = 'RUNNING'"), "it ended before it was killed: try again"
    with Daemon(home, [away]).start("receiver") as daemon:
        dcmsend(daemon.port, named["receiving"].files[:5])
        wait_until(lambda: _has(file, "series WHERE state = 'RECEIVING' AND instances = 5"), 30)
        with closing(sqlite3.connect(file, isolation_level=None)) as lock:
            lock.execute("BEGIN IMMEDIATE")  # rows wait, acknowledgements do not
            dcmsend(daemon.port, named["unregistered"].files)
            daemon.kill()


def _has(file: Path, what: str) -> bool:
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            return connection.execute(f"SELECT 1 FROM {what} LIMIT 1").fetchone() is not None
    except sqlite3.OperationalError:  # there is none yet
        return False


def _keep(home: Path, target: Path, named: dict[str, Series]) -> Path:
    with closing(sqlite3.connect(home / "hounsfield.db")) as connection:
        ((schema,),) = connection.execute("SELECT version_num FROM alembic_version").fetchall()
        dump = "\n".join(connection.iterdump()) + "\n"
    folder = target / schema
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "hounsfield.sql").write_text(dump)
    with tarfile.open(folder / "files.tar.xz", "w:xz") as archive:
        for path in sorted(home.iterdir()):
            if not path.name.startswith(LEFT_OUT):
                archive.add(path, path.name, filter=_without_owner)
    sent = [path for name, one in named.items() for path in (one.files[:5] if name == "receiving" else one.files)]
    ledger = {
        "ended_at": datetime.now(UTC).isoformat(),
        "acknowledged": {path.stem: data_set_sha256(path.read_bytes()) for path in sent},
        "series": {name: one.series_uid for name, one in named.items()},
    }
    (folder / "ledger.json").write_text(json.dumps(ledger, indent=1) + "\n")
    return folder


def _without_owner(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


if __name__ == "__main__":
    sys.stdout.write(f"{make(Path(sys.argv[1]))}\n")
