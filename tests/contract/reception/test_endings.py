"""However and wherever an association ends, nothing of it stays behind, and the next one is served."""

import threading
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path

import pytest
from support.datasets import element, tiny
from support.pdu_wire import Wire, connected, dial, echo, store_message, store_pdus
from support.reception import Reception
from support.waiting import wait_until
from support.wire import abort, release_rq

DATA = tiny(more=element(0x7FE00010, b"OW", b"picture " * 200))
PDUS = store_pdus(DATA, longest_pdu=700)
MESSAGE = b"".join(PDUS)
BORDERS = list(accumulate((len(one) for one in PDUS), initial=0))[:-1]
"""Places where a PDU of the message is over, before its end."""
INSIDE = sorted({border + step for border in BORDERS for step in (1, 5, 6, 11, 12, 13, 300)} & set(range(len(MESSAGE))))
"""Places inside PDUs: in the PDU's header, behind it, in the PDV's header, behind it, in the fragment."""


def is_quiet(reception: Reception) -> bool:
    """No association is open and none of their threads is left."""
    return not reception.receiver._running() and reception.opened.desk.living() == {}


def released(wire: Wire) -> None:
    wire.send(release_rq())
    assert wire.ending() == "release"


def aborted(wire: Wire) -> None:
    wire.send(abort())
    assert wire.ending() == "closed", "an abort is not answered"


def closed(wire: Wire) -> None:
    wire.socket.close()


def reset(wire: Wire) -> None:
    wire.reset()


def left(reception: Reception, ending: Callable[[Wire], None], beginning: bytes) -> None:
    """Open an association, send this, and end it."""
    with dial(reception.port) as wire:
        wire.associate()
        wire.send(beginning)
        ending(wire)
    wait_until(lambda: is_quiet(reception))


@pytest.mark.parametrize("ending", [released, aborted, closed, reset])
def test_an_association_may_end_behind_each_pdu(reception: Reception, ending: Callable[[Wire], None]) -> None:
    before = set(reception.files()), len(reception.store.receipts)
    for border in BORDERS:
        left(reception, ending, MESSAGE[:border])
        assert (set(reception.files()), len(reception.store.receipts)) == before, f"after {border} bytes"
    assert_is_served(reception)


@pytest.mark.parametrize("ending", [closed, reset])
def test_a_connection_may_end_inside_a_pdu(reception: Reception, ending: Callable[[Wire], None]) -> None:
    before = set(reception.files()), len(reception.store.receipts)
    for place in INSIDE:
        left(reception, ending, MESSAGE[:place])
        assert (set(reception.files()), len(reception.store.receipts)) == before, f"after {place} bytes"
    assert_is_served(reception)


@pytest.mark.parametrize("ending", [released, aborted, closed])
def test_what_was_complete_before_the_end_is_kept(reception: Reception, ending: Callable[[Wire], None]) -> None:
    name = f"1.2.3.77.{['released', 'aborted', 'closed'].index(ending.__name__)}"
    data = tiny(instance=name)
    with dial(reception.port) as wire:
        wire.associate()
        wire.send(store_message(data, name))
        assert wire.statuses(1) == [(7, 0)]
        wire.send(MESSAGE[: BORDERS[-1]])
        ending(wire)
    wait_until(lambda: is_quiet(reception))
    (receipt,) = [one for one in reception.store.receipts if one.sop_instance_uid == name]
    assert reception.dataset(receipt.digest) == data
    association = reception.database.known[receipt.association_id]
    assert str(association.ending) == ("released" if ending is released else "aborted")


def test_a_sender_may_stop_writing_before_it_reads_the_answers(reception: Reception, short_path: bool) -> None:
    with dial(reception.port) as wire:
        wire.associate()
        wire.send(store_message(DATA) * 3)
        wire.socket.shutdown(1)
        if short_path:  # the library ends the association when it sees the end, whatever it has still to answer
            assert wire.statuses(3) == [(7, 0)] * 3
        assert wire.ending() == "closed"


def test_stores_in_front_of_a_release_are_answered_before_it(reception: Reception) -> None:
    with dial(reception.port) as wire:
        wire.associate()
        wire.send(store_message(DATA, message_id=1) + store_message(DATA, message_id=2) + release_rq())
        assert wire.statuses(2) == [(1, 0), (2, 0)]
        assert wire.ending() == "release"


def test_a_hundred_associations_leave_no_thread_and_no_descriptor(reception: Reception) -> None:
    assert_is_served(reception)
    wait_until(lambda: is_quiet(reception))
    before = threads_and_descriptors()
    for number in range(100):
        ending = (released, aborted, closed, reset)[number % 4]
        with dial(reception.port) as wire:
            wire.associate()
            wire.send(MESSAGE if number % 3 else MESSAGE[: BORDERS[number % len(BORDERS)]])
            ending(wire)
    wait_until(lambda: is_quiet(reception))
    wait_until(lambda: threads_and_descriptors() <= before)


def threads_and_descriptors() -> tuple[int, int]:
    open_files = list(Path("/proc/self/fd").iterdir())
    slots = sum(target_of(one).endswith(".slot") for one in open_files)  # made ahead of use: they come and go
    return threading.active_count(), len(open_files) - slots


def target_of(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except FileNotFoundError:
        return ""


def assert_is_served(reception: Reception) -> None:
    with connected(reception.port) as wire:
        wire.send(store_message(DATA), echo(9))
        assert sorted(wire.statuses(2)) == [(7, 0), (9, 0)]
