"""The life of a spool, one step at a time and in any order that a receiver may take, for tests that end it anywhere."""

import random
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from support.datasets import element, tiny
from support.fake_series_store import FakeSeriesStore
from support.fakes import ManualClock
from support.power_loss import Killed, PowerLoss, UnsyncedFileOperations
from support.spooling import keeps

from hounsfield.daemon.reception.reconcile import reconcile
from hounsfield.storage import spool_lock
from hounsfield.storage.errors import SpoolError
from hounsfield.storage.records import AssociationRecord
from hounsfield.storage.spool import Intake, Provenance, Sealed, Slot, Spool, digest_of
from hounsfield.storage.states import InstanceRole

SYNTAX = "1.2.840.10008.1.2.1"
SHARDS = ("00", "01", "02")
"""All instances of a story fall into these: a test may spare itself the other 253."""
CLOCK = ManualClock()
T = TypeVar("T")


class Lost(AssertionError):
    """What was acknowledged is not there, or something is there that must not be."""


@dataclass(slots=True)
class _Arrival:
    slot: Slot
    instance: str
    data: bytes
    written: int = 0


@dataclass(slots=True)
class Truth:
    """What there was, beside what the product says of it."""

    sent: dict[str, bytes] = field(default_factory=dict)
    """Data sets by digest, acknowledged or not."""
    acknowledged: set[str] = field(default_factory=set)


def copy_of(store: FakeSeriesStore) -> FakeSeriesStore:
    """Return the database as it is committed now."""
    found = FakeSeriesStore()
    found.receipts, found.known = copy(store.receipts), copy(store.known)
    return found


def check_after_power_loss(folder: Path, store: FakeSeriesStore, truth: Truth) -> None:
    """Start on what is left of a spool, as a receiver does; raise :class:`Lost` unless all is well then."""
    spool = Spool(folder, UnsyncedFileOperations())
    found = reconcile(spool, store, CLOCK)
    _require(found.missing == 0, "rows without a file")
    _require(found.unreadable == 0, "files that are not ours")
    rows = {receipt.digest for receipt in store.receipts}
    _require(truth.acknowledged <= rows, "an acknowledged instance is not registered")
    _require(len(rows) == len(store.receipts), "an instance is registered twice")
    for digest in rows:
        _require(keeps(spool, digest), "an instance is not whole")
        content = spool.path(digest).read_bytes()
        _require(content[spool.head(digest).length :] == truth.sent[digest], "an instance has other bytes")
    files = {path for path in folder.rglob("*") if not path.is_dir()} - {folder / "lock", folder / spool_lock.LOCK}
    _require(files == {spool.path(digest) for digest in rows}, "a file is neither an instance nor waits to be one")
    _require(list((folder / "incoming").iterdir()) == [], "a folder of a dead process is left")


def _require(is_so: bool, otherwise: str) -> None:
    if not is_so:
        raise Lost(otherwise)


def provenance(instance: str, receiver: str) -> Provenance:
    """Return where an instance came from: the only association of a receiver."""
    return Provenance(
        sop_instance_uid=instance,
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        series_uid="1.2.3.5",
        study_uid="1.2.3",
        transfer_syntax=SYNTAX,
        role=InstanceRole.SOURCE,
        calling_ae="CT1",
        called_ae="HOUNSFIELD",
        peer_address="192.0.2.7",
        association_id=receiver,
        receiver=receiver,
        received_at=CLOCK.now(),
    )


def new_image(choice: random.Random, number: int) -> tuple[str, bytes]:
    """Return SOP Instance UID and data set of an image that nobody has made before."""
    instance, digest, data = f"1.2.3.4.{number}", "", b""
    while digest[:2] not in SHARDS:
        pixels = element(0x7FE00010, b"OW", choice.randbytes(choice.choice((20, 9000))))
        data = tiny(instance=instance, more=pixels)
        digest = digest_of(SYNTAX, data)
    return instance, data


class SpoolStory:
    """Receivers, one after the other, each doing what its threads might do, in an order that ``choice`` makes up."""

    def __init__(
        self,
        folder: Path,
        disk: PowerLoss,
        choice: random.Random,
        intake: type[Intake] = Intake,
        spool: type[Spool] = Spool,
    ) -> None:
        self.spool = spool(folder, disk)
        self.store = FakeSeriesStore()
        self.truth = Truth()
        self._disk = disk
        self._choice = choice
        self._kind = intake
        self._images: list[tuple[str, bytes]] = []
        self._lives = 0
        self._stay = ExitStack()
        """Open from the first instance that is filed until its row is recorded."""

    def run(self, actions: int) -> None:
        """Do so many things; then the last receiver is killed, and one more tidies up."""
        for action in (self._begin_life, *[self._do_something] * actions, self._kill, self._stop):
            self._disk.dies_at = self._disk.dies_at or self._fate()
            try:
                action()
            except Killed:
                self._rise_again()
        self._disk.dies_at = None

    def _fate(self) -> int | None:
        """Return the step at which the process is killed, mostly none."""
        is_doomed = self._choice.random() < (
            0.5 if self._lives == 0 else 0.05
        )  # all folders are made in the first life
        return self._disk.steps + self._choice.randrange(1, 20) if is_doomed else None

    def _rise_again(self) -> None:
        while True:
            self._die()
            self._disk.dies_at = self._fate()
            with suppress(Killed):
                return self._begin_life()

    def _die(self) -> None:
        self._stay.close()
        self._disk.bury()

    def _begin_life(self) -> None:
        self._arrivals: list[_Arrival] = []
        self._sealed: list[Sealed] = []
        self._filed: list[Sealed] = []
        self._recorded: list[Sealed] = []
        self._lives += 1
        self._name = f"receiver-{self._lives}"
        reconcile(self.spool, self.store, CLOCK)
        self._intake = self._kind.open(self.spool.places, self._name)

    def _do_something(self) -> None:
        actions: Sequence[tuple[float, object, Callable[[], None]]] = (
            (6, len(self._arrivals) < 4, self._receive),
            (8, self._arrivals, self._write),
            (8, self._arrivals, self._seal),
            (1, self._arrivals, self._abandon),
            (5, self._sealed, self._file),
            (4, self._filed, self._record),
            (3, self._recorded, self._settle),
            (4, self.store.receipts, self._forget),
            (0.5, True, self._end_life),
            (0.5, True, self._kill),
        )
        weights = [weight if possible else 0 for weight, possible, _ in actions]
        self._choice.choices(actions, weights)[0][2]()

    def _receive(self) -> None:
        if not self._images or self._choice.random() < 0.6:  # else one that was sent before
            instance, data = new_image(self._choice, len(self._images))
            self._images.append((instance, data))
            self.truth.sent[digest_of(SYNTAX, data)] = data
        instance, data = self._choice.choice(self._images)
        self._arrivals.append(_Arrival(self._intake.begin(SYNTAX), instance, data))

    def _write(self) -> None:
        arrival = self._choice.choice(self._arrivals)
        middle = (arrival.written + len(arrival.data)) // 2
        arrival.slot.write([arrival.data[arrival.written : middle]])
        arrival.written = middle

    def _seal(self) -> None:
        arrival = self._take(self._arrivals)
        arrival.slot.write([arrival.data[arrival.written :]])
        sealed = arrival.slot.seal(provenance(arrival.instance, self._name))
        self.truth.acknowledged.add(sealed.receipt.digest)
        self._sealed.append(sealed)

    def _abandon(self) -> None:
        self._take(self._arrivals).slot.abandon()

    def _file(self) -> None:
        if not self._filed:
            self._stay.enter_context(self._intake.files_stay())
        sealed = self._take(self._sealed)
        self._intake.file(sealed)
        self._filed.append(sealed)

    def _record(self) -> None:
        opened = AssociationRecord(
            id=self._name,
            receiver=self._name,
            calling_ae="CT1",
            called_ae="HOUNSFIELD",
            peer_address="192.0.2.7",
            opened_at=CLOCK.now(),
        )
        self.store.record([opened], [sealed.receipt for sealed in self._filed], [])
        self._recorded += self._filed
        self._filed.clear()
        self._stay.close()

    def _settle(self) -> None:
        self._intake.settle(self._recorded)
        self._recorded.clear()

    def _forget(self) -> None:
        with suppress(SpoolError):  # somebody files and records just now
            self.spool.remove(self._drop_some, self.store.registered_digests)

    def _drop_some(self) -> Sequence[str]:
        dropped = {receipt.digest for receipt in self.store.receipts if self._choice.random() < 0.7}
        self.store.drop(dropped)
        came_again = {sealed.receipt.digest for sealed in (*self._sealed, *self._filed)}
        self.truth.acknowledged -= dropped - came_again
        return sorted(dropped)

    def _end_life(self) -> None:
        self._stop()
        self._begin_life()

    def _stop(self) -> None:
        while self._arrivals:
            self._abandon()
        while self._sealed:
            self._file()
        self._record()
        self._settle()
        self._intake.close()
        _require(list((self.spool.folder / "incoming").iterdir()) == [], "a clean stop leaves something behind")

    def _kill(self) -> None:
        self._die()
        self._begin_life()

    def _take(self, some: list[T]) -> T:
        return some.pop(self._choice.randrange(len(some)))
