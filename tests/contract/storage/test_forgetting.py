"""Images that no rule wanted go after a while, and none that is acknowledged meanwhile goes with them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from support.fakes import ManualClock
from support.power_loss import UnsyncedFileOperations
from support.recording import register
from support.spool_values import DATASET, SENT
from support.spooling import keeps, sealed_in
from support.stored import BUNDLE, EXPLICIT, SERIES, WHOLE, at, present, receipt, received

from hounsfield.daemon.reception.reconcile import reconcile
from hounsfield.storage import spool as spool_module
from hounsfield.storage import spool_lock
from hounsfield.storage.engine import Database
from hounsfield.storage.errors import SpoolError
from hounsfield.storage.records import Registration, SeriesRecord
from hounsfield.storage.spool import Sealed, Spool, digest_of
from hounsfield.storage.states import Reason, SeriesState, Stage

DAY = 86_400.0
LATER = 8 * DAY
"""When the images of a series of the first day go."""


IMAGES = {number: DATASET + bytes([number, 0]) for number in (1, 2)}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse at once who finds the spool locked; and have no shards but those of the two images."""
    monkeypatch.setattr(spool_lock, "_WAIT_SECONDS", 0)
    monkeypatch.setattr(spool_lock, "_PAUSE_SECONDS", 0)
    monkeypatch.setattr(spool_module, "_REMOVED_AT_ONCE", 1)
    shards = sorted({digest_of(EXPLICIT, data)[:2] for data in IMAGES.values()})
    monkeypatch.setattr(Spool, "shards", lambda _: iter(shards))


def unwanted(database: Database, uid: str = SERIES, reason: Reason = Reason.NO_RULE) -> SeriesRecord:
    """Receive three images, one of them again with another header, and skip the series."""
    received(database, 3, uid)
    register(database.series, receipt(1, "another header", uid))
    assert database.series.skip(present(database.series.find(uid)), reason, at(20))
    return present(database.series.find(uid))


def forget(database: Database, series: SeriesRecord, seconds: float = LATER) -> tuple[str, ...] | None:
    return database.series.forget(series.id, at(DAY), at(seconds))


def test_the_images_of_a_series_that_no_rule_wanted_go_and_the_series_stays(database: Database) -> None:
    series, other = unwanted(database), received(database, 2, "1.2.99")
    digests = {instance.digest for instance in database.series.instances(series.id)}
    assert database.series.forgettable(at(DAY)) == [series]
    removed = present(forget(database, series))
    assert (set(removed), len(removed)) == (digests, 4)
    after = present(database.series.get(series.id))
    assert (after.state, after.reason, after.instances, after.variants) == (SeriesState.SKIPPED, Reason.NO_RULE, 0, 0)
    assert database.series.instances(series.id) == []
    event = database.jobs.events()[-1]
    assert (event.at, event.stage, event.reason) == (at(LATER), Stage.ASSEMBLE, Reason.NO_RULE)
    assert (event.from_state, event.to_state, event.detail) == ("SKIPPED", "SKIPPED", {"removed": 4})
    assert len(database.series.instances(other.id)) == 2
    assert database.series.forgettable(at(DAY)) == []
    assert forget(database, series) is None
    assert not database.series.replay(series.id, at(LATER)), "there is nothing left to ask the rules about"


def wait_a_day(database: Database, series: SeriesRecord) -> None:
    register(database.series, receipt(1, received_at=at(DAY)))


def replay(database: Database, series: SeriesRecord) -> None:
    assert database.series.replay(series.id, at(DAY))


def replay_and_skip(database: Database, series: SeriesRecord) -> None:
    replay(database, series)
    assert database.series.skip(present(database.series.get(series.id)), Reason.NO_RULE, at(DAY + 20))


def another_image(database: Database, series: SeriesRecord) -> None:
    register(database.series, receipt(9, received_at=at(30)))


def analyse_and_skip(database: Database, series: SeriesRecord) -> None:
    assert database.series.replay(series.id, at(30))
    assert database.series.close(present(database.series.get(series.id)), [1, 2], WHOLE, [BUNDLE], at(40))
    another_image(database, series)
    assert database.series.skip(present(database.series.get(series.id)), Reason.NO_RULE, at(60))


@pytest.mark.parametrize("news", [wait_a_day, replay, replay_and_skip, another_image, analyse_and_skip])
def test_images_stay_when_something_happened_to_their_series(
    database: Database, news: Callable[[Database, SeriesRecord], None]
) -> None:
    series = unwanted(database)
    assert database.series.forgettable(at(DAY)) == [series], "until then they may go"
    news(database, series)
    events, before = database.jobs.last_event_id(), database.series.get(series.id)
    assert forget(database, series) is None
    assert database.series.forgettable(at(DAY)) == []
    assert (database.jobs.last_event_id(), database.series.get(series.id)) == (events, before)


@pytest.mark.parametrize("reason", [Reason.OPERATOR, Reason.PHANTOM, Reason.ANOTHER_SERIES, Reason.RULE])
def test_only_what_no_rule_matched_goes(database: Database, reason: Reason) -> None:
    series = unwanted(database, reason=reason)
    assert database.series.forgettable(at(DAY)) == []
    assert forget(database, series) is None
    assert len(database.series.instances(series.id)) == 4
    assert forget(database, replace(series, id=999)) is None


def test_what_may_go_is_found_some_at_a_time(database: Database) -> None:
    series = [unwanted(database, f"1.2.{number}") for number in range(3)]
    assert database.series.forgettable(at(DAY), limit=2) == series[:2]
    assert present(forget(database, series[0]))
    assert database.series.forgettable(at(DAY), limit=2) == series[1:]


def test_an_image_that_comes_back_after_it_was_forgotten_is_new(database: Database) -> None:
    series = unwanted(database)
    assert forget(database, series)
    assert register(database.series, receipt(2, received_at=at(LATER))) == Registration.NEW
    after = present(database.series.get(series.id))
    assert (after.state, after.reason, after.instances) == (SeriesState.RECEIVING, None, 1)


# The same image comes again while it is forgotten. What each of the two does, step by step, in every order; and either
# of them may be killed on the way.


class Died(BaseException):
    """The process is killed: the system frees its locks, and nothing else happens."""


@dataclass
class Operations(UnsyncedFileOperations):
    """File operations that tell when a file of the spool goes."""

    on_step: Callable[[str], None] = field(default=lambda _: None)

    def remove(self, path: Path) -> None:
        is_filed = path.parent.parent.name == "objects"
        if is_filed:
            self.on_step("before a file goes")
        super().remove(path)
        if is_filed:
            self.on_step("after a file went")


RECEIVER = ("acknowledged", "locked", "filed", "recorded", "unlocked", "settled")
REMOVER = (
    "before the lock",
    "before the rows go",
    "after the rows went",
    "between two files",
    "before the rows are asked for",
    "after the rows were asked for",
    "before a file goes",
    "after a file went",
    "after the lock",
)


LOCKED = ("locked", "filed", "recorded")
ORDERS = [(receiver, remover) for receiver in RECEIVER for remover in REMOVER if receiver not in LOCKED]
ORDERS += [(receiver, REMOVER[0]) for receiver in LOCKED]  # the remover gets no further


class Bench:
    """A spool with two images that no rule wanted, of which a receiver has acknowledged one a second time."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.operations = database, Operations()
        self.spool = Spool(folder, self.operations)
        self.spool.prepare()
        self.intake = self.spool.open_intake("receiver-1")
        for number in (1, 2):
            self.receiving = self.receive(self._acknowledge(number, 0))
            self.advance()
        self.series = present(database.series.find(SERIES))
        assert database.series.skip(self.series, Reason.NO_RULE, at(20))
        self.again = self._acknowledge(1, LATER)
        self.receiving = self.receive(self.again)

    def _acknowledge(self, number: int, seconds: float) -> Sealed:
        provenance = replace(SENT, sop_instance_uid=f"{SERIES}.{number}", received_at=at(seconds))
        return sealed_in(self.intake, provenance, IMAGES[number])

    def receive(self, sealed: Sealed) -> Iterator[str]:
        """Do as the registrar does, and tell what was done."""
        yield "acknowledged"
        with self.intake.files_stay():
            yield "locked"
            self.intake.file(sealed)
            yield "filed"
            self.database.series.record([], [sealed.receipt], [])
            yield "recorded"
        yield "unlocked"
        self.intake.settle([sealed])
        yield "settled"

    def advance(self, until: str = "settled") -> None:
        """Let the receiver go on; if it finds the spool locked it begins again, the next time."""
        try:
            for done in self.receiving:
                if done == until:
                    return
        except SpoolError:
            self.receiving = self.receive(self.again)

    def forget(self, on_step: Callable[[str], None] = lambda _: None) -> None:
        """Forget the series, and tell each step."""

        def rows() -> tuple[str, ...] | None:
            on_step("before the rows go")
            digests = self.database.series.forget(self.series.id, at(DAY), at(LATER))
            on_step("after the rows went")
            return digests

        def registered(some: Sequence[str]) -> set[str]:
            on_step("before the rows are asked for")
            found = self.database.series.registered_digests(some)
            on_step("after the rows were asked for")
            return found

        self.operations.on_step = on_step
        on_step("before the lock")
        with pytest.MonkeyPatch.context() as between:
            between.setattr(spool_lock, "let_others_in", lambda: on_step("between two files"))
            self.spool.remove(rows, registered)
        on_step("after the lock")

    def start_again(self) -> None:
        """End the receiver, whatever it was at, and start another one."""
        self.operations.on_step = lambda _: None
        self.receiving.close()  # type: ignore[attr-defined]
        self.intake.close()
        found = reconcile(self.spool, self.database.series, ManualClock(at(LATER)))
        assert (found.missing, found.unreadable) == (0, 0)

    def check(self) -> None:
        """Require what was acknowledged last, whole, and neither a row without its file nor a file without its row."""
        rows = self.database.series.digests("")
        assert self.again.receipt.digest in rows
        assert all(keeps(self.spool, digest) for digest in rows)
        assert set(self.spool.digests()) == rows


@pytest.mark.parametrize(("receiver", "remover"), ORDERS)
def test_what_comes_again_while_it_is_forgotten_is_kept_in_whatever_order(
    database: Database, tmp_path: Path, receiver: str, remover: str
) -> None:
    bench = Bench(database, tmp_path / "spool")
    bench.advance(receiver)
    met: list[str] = []

    def on_step(name: str) -> None:
        if name == remover and not met:
            met.append(name)
            bench.advance()

    with suppress(SpoolError):
        bench.forget(on_step)
    bench.advance()
    bench.check()
    bench.start_again()
    bench.check()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("receiver", "remover"), [*ORDERS, *((receiver, "it ends") for receiver in RECEIVER)])
@pytest.mark.parametrize("goes_on", [True, False])
def test_what_comes_again_while_it_is_forgotten_is_kept_whoever_is_killed(
    database: Database, tmp_path: Path, receiver: str, remover: str, goes_on: bool
) -> None:
    bench = Bench(database, tmp_path / "spool")
    bench.advance(receiver)

    def die(name: str) -> None:
        if name == remover:
            raise Died

    with suppress(SpoolError, Died):
        bench.forget(die)
    if goes_on:  # else the receiver is killed where it is
        bench.advance()
    bench.start_again()
    bench.check()


@pytest.mark.parametrize("who", ["receiver", "remover"])
def test_without_the_lock_an_acknowledged_image_would_be_lost(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    name = {"receiver": "files_stay", "remover": "files_may_go"}[who]
    monkeypatch.setattr(spool_lock.FolderLock, name, lambda _: nullcontext(lambda: None))
    bench = Bench(database, tmp_path / "spool")
    bench.advance("filed")
    bench.forget()
    bench.advance()
    with pytest.raises(AssertionError):
        bench.check()
    bench.intake.close()
