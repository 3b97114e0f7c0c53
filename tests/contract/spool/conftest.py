"""One suite for whatever keeps received images: a folder of one host, one of two hosts, copies in front of both."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.nfs import NfsHost, mounted

from hounsfield.storage.spool import Spool
from hounsfield.storage.spool_cache import CachedFiles
from hounsfield.storage.spool_files import Patience, PatientFiles, SpoolFiles


@dataclass
class Time:
    """Seconds that pass when somebody sleeps."""

    seconds: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds


@dataclass
class Keeping:
    """Where a receiver writes, and where a worker reads."""

    writer: Spool
    reader: SpoolFiles
    time: Time
    remove: Callable[[str], object]
    """Deletes the file of a digest, as the assembler's host does."""


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def two_hosts(tmp_path: Path, time: Time) -> Iterator[tuple[NfsHost, NfsHost]]:
    """Two hosts that share a folder, each with a view of its own."""
    hosts = []
    (tmp_path / "server").mkdir()
    for name in "ab":
        (tmp_path / name).mkdir()
        hosts.append(NfsHost(tmp_path / "server", tmp_path / name, time.now))
    with mounted(*hosts):
        yield hosts[0], hosts[1]


@pytest.fixture(autouse=True)
def few_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hounsfield.storage.intake._SLOTS_AHEAD", 2)


KINDS = ("folder", "folder of two hosts", "copies of a folder", "copies of a folder of two hosts")


@pytest.fixture(params=KINDS)
def keeping(request: pytest.FixtureRequest, tmp_path: Path, time: Time) -> Keeping:
    kind: str = request.param
    writer = Spool(tmp_path / "spool")
    reader: SpoolFiles = writer
    if "two hosts" in kind:
        a, b = request.getfixturevalue("two_hosts")
        writer = Spool(a.view / "spool")
        reader = PatientFiles(Spool(b.view / "spool"), Patience(monotonic=time.now, sleep=time.sleep))
    writer.prepare()
    if "copies" in kind:
        reader = CachedFiles(reader, tmp_path / "copies", 2**20, now=time.now)
    return Keeping(writer, reader, time, lambda digest: writer.path(digest).unlink())
