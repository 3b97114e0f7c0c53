"""kill -9 at every named point and at random times: nothing acknowledged is lost or changed, nothing is left behind."""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.doomed_receiver import AFTERWARDS, IN_START, Doom, Life
from support.kills import KILLED, Ledger, Nursery, Process, Senders, audit, nursery
from support.memory import memory_folder

SENDERS = 2


class Ward:
    """One folder, its receivers, and those who send to them."""

    def __init__(self, folder: Path, nursery: Nursery, seed: int) -> None:
        self.folder = folder
        self.ledger = Ledger()
        self.choice = random.Random(seed)
        self._nursery = nursery

    def start(self, doom: Doom | None = None) -> Process:
        """Start a receiver; if it comes to listen, everything has to be well."""
        process = self._nursery.start(Life(folder=str(self.folder), doom=doom))
        if process.port is not None:
            found = audit(self.folder, self.ledger)
            assert (found.lost, found.changed, found.orphans) == (frozenset(), frozenset(), ())
            assert found.incoming == 2, "its own folder with its lock, and nothing of the dead"
        return process

    def send(self, process: Process, images: int | None = None) -> Senders:
        assert process.port is not None
        return Senders(self.ledger, process.port, SENDERS, self.choice, images=images)

    def leave_something(self) -> None:
        """Have a receiver killed that has just acknowledged what it has neither filed nor registered."""
        process = self.start(Doom(point="link:before", nth=2))
        self.send(process).wait()
        assert process.wait() == KILLED

    def end(self) -> None:
        """Start once more, and stop cleanly."""
        assert self.start().stop() == 0
        assert audit(self.folder, self.ledger).incoming == 0


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    with nursery(tmp_path_factory.mktemp("nursery") / "log") as made:
        yield made


@pytest.fixture
def ward(shared: Nursery, request: pytest.FixtureRequest) -> Iterator[Ward]:
    with memory_folder() as folder:
        yield Ward(folder, shared, seed=len(request.node.name))


def test_a_receiver_that_kills_itself_at_any_named_point_loses_nothing(ward: Ward) -> None:
    for point in AFTERWARDS:
        process = ward.start(Doom(point=point, nth=ward.choice.randrange(1, 5)))
        ward.send(process).wait()
        assert process.wait() == KILLED, f"{point} was reached"
    ward.end()
    assert len(ward.ledger.acknowledged) > len(AFTERWARDS)


def test_a_receiver_that_kills_itself_at_any_named_point_of_its_start_loses_nothing(ward: Ward) -> None:
    for point in IN_START:
        ward.leave_something()
        process = ward.start(Doom(point=point, in_start=True))
        assert process.port is None
        assert process.wait() == KILLED, f"{point} was reached"
    ward.end()
    assert len(ward.ledger.acknowledged) > len(IN_START)


def test_a_receiver_that_is_killed_at_random_times_loses_nothing(ward: Ward) -> None:
    for _ in range(8):
        process = ward.start()
        senders = ward.send(process)
        time.sleep(ward.choice.uniform(0.0, 0.3))
        process.kill()
        senders.wait()
        assert process.wait() == KILLED
    ward.end()
    assert ward.ledger.acknowledged


def test_what_is_lost_or_changed_or_left_would_be_noticed(ward: Ward) -> None:
    process = ward.start()
    ward.send(process, images=4).wait()
    assert process.stop() == 0
    paths = sorted((ward.folder / "spool" / "objects").rglob("*.dcm"))
    before = audit(ward.folder, ward.ledger)
    assert (len(paths), before.lost, before.changed, before.orphans) == (4 * SENDERS, frozenset(), frozenset(), ())
    paths[0].unlink()
    paths[1].write_bytes(paths[1].read_bytes()[:-1] + b"?")
    paths[2].with_suffix(".old").write_bytes(b"")
    after = audit(ward.folder, ward.ledger)
    assert (len(after.lost), len(after.changed), len(after.orphans)) == (2, 2, 1)
