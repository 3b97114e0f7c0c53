"""Thousands of mutations, seeded: nothing ends the receiver, and only whole data sets get into its spool."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from support.attacks.fuzz import Fuzzed, fuzz_data_sets, fuzz_pdus
from support.attacks.limits import SHORT_DEADLINES
from support.attacks.mutation import SYNTAXES, elements_of, mutated_data_sets, rich_slice
from support.attacks.watch import steady, store_one, warm_up
from support.receiver_process import ReceiverProcess, running
from support.waiting import wait_until

from hounsfield.daemon.reception.dataset_check import identify
from hounsfield.daemon.reception.status import InstanceRefused

PDUS, DATA_SETS, IN_PROCESS = 500, 500, 3000
SEED = 20260102
UNHANDLED = (
    "Traceback",
    "failed=",
    "storing an instance failed",
    "Exception in thread",
    "pynetdicom.dul at run_reactor",
)
"""What the log would show; the last one stands for an exception that reached the library's outermost loop."""


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReceiverProcess]:
    home = tmp_path_factory.mktemp("fuzzed") / "home"
    with running(ReceiverProcess(home, settings=SHORT_DEADLINES)) as process:
        warm_up(process)
        yield process


@dataclass(frozen=True, slots=True)
class Before:
    """What there was before a test began."""

    data_sets: list[bytes]
    outside: set[str]
    logged: int

    @classmethod
    def of(cls, receiver: ReceiverProcess) -> "Before":
        return cls(receiver.data_sets(), outside_the_spool(receiver), len(receiver.log()))


def assert_unharmed(receiver: ReceiverProcess, fuzzed: Fuzzed, before: Before) -> None:
    assert receiver.is_alive()
    store_one(receiver.port)
    log = receiver.log()[before.logged :]
    assert [line for line in log.splitlines() if any(word in line for word in UNHANDLED)] == []
    new = [data for data in receiver.data_sets() if data not in before.data_sets]
    assert len([data for data in new if data not in fuzzed.sent]) == 1, "the honest one; all others were sent like this"
    assert fuzzed.acknowledged <= {*new, *before.data_sets}
    assert outside_the_spool(receiver) == before.outside


def outside_the_spool(receiver: ReceiverProcess) -> set[str]:
    return {path.name for path in receiver.files() if receiver.spool.folder not in path.parents}


def test_mutated_pdus_end_associations_but_not_the_receiver(receiver):
    before, at_rest = Before.of(receiver), steady(receiver)
    fuzzed = fuzz_pdus(receiver.port, PDUS, SEED)
    assert fuzzed.answers["left open"] == 0
    assert fuzzed.answers["0000"] > PDUS / 10, "the mutations are mild enough to reach what lies behind"
    assert fuzzed.answers["aborted"] + fuzzed.answers["closed"] > PDUS / 10, "and strong enough to matter"
    assert_unharmed(receiver, fuzzed, before)
    wait_until(lambda: receiver.vitals().threads <= at_rest.threads, 5)
    wait_until(lambda: receiver.vitals().descriptors <= at_rest.descriptors, 5)


def test_mutated_data_sets_are_each_answered_and_what_is_acknowledged_is_kept_byte_for_byte(receiver):
    before = Before.of(receiver)
    fuzzed = fuzz_data_sets(receiver.port, DATA_SETS, SEED)
    assert set(fuzzed.answers) <= {"0000", "A900", "C000"}
    assert sum(fuzzed.answers.values()) == DATA_SETS
    assert min(fuzzed.answers["0000"], fuzzed.answers["C000"]) > DATA_SETS / 10
    assert_unharmed(receiver, fuzzed, before)


def test_a_mutated_data_set_is_identified_or_refused_and_nothing_else():
    refused = 0
    for syntax, data in mutated_data_sets(SEED + 1, IN_PROCESS):
        try:
            identify(data, syntax)
        except InstanceRefused:
            refused += 1
    assert IN_PROCESS / 10 < refused < IN_PROCESS


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_what_is_mutated_is_a_good_data_set_to_begin_with(syntax):
    whole = b"".join(elements_of(rich_slice(), syntax))
    assert identify(whole, syntax).sop_instance_uid == rich_slice().SOPInstanceUID
