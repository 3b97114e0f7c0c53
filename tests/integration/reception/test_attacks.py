"""Attacks by connections and PDUs on a receiver in a process of its own; an honest sender stores all the while.

The figures are those of the issue, the crowds smaller than in `make torture` and the deadlines shorter.
"""

from collections.abc import Iterator

import pytest
from support.attacks import claims, siege
from support.attacks.crowd import Crowd
from support.attacks.limits import (
    DEADLINE_SECONDS,
    GRACE_SECONDS,
    PEER_LIMIT,
    SHORT_DEADLINES,
    SLACK_SECONDS,
    STALL_SECONDS,
    WAITING_LIMIT,
    Limits,
    shortcomings,
)
from support.attacks.watch import observe, warm_up
from support.receiver_process import ReceiverProcess, running
from support.waiting import wait_until

CROWD = 64
STAND_SECONDS = 1.0


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReceiverProcess]:
    home = tmp_path_factory.mktemp("attacked") / "home"
    with running(ReceiverProcess(home, settings=SHORT_DEADLINES)) as process:
        warm_up(process)
        yield process


@pytest.mark.parametrize(
    "script",
    [siege.SILENT, siege.ONE_BYTE, siege.HALF_HEADER, siege.HALF_REQUEST, siege.DRIPPING_REQUEST],
    ids=["silent", "one byte", "half a header", "half a request", "a dripping request"],
)
def test_connections_without_an_association_hinder_nobody_and_are_closed_at_the_deadline(receiver, script):
    result, seen = observe(
        receiver,
        lambda watch: siege.besiege(
            watch,
            receiver.port,
            script,
            CROWD,
            stand_seconds=STAND_SECONDS,
            until_gone_seconds=DEADLINE_SECONDS + SLACK_SECONDS,
        ),
    )
    assert result.ended == CROWD
    assert result.longest_seconds <= DEADLINE_SECONDS + SLACK_SECONDS
    assert shortcomings(seen) == []


def test_when_too_many_connections_wait_the_oldest_give_way_and_the_honest_sender_is_served(receiver):
    def attack(_):
        with Crowd(receiver.port, WAITING_LIMIT + CROWD, siege.SILENT) as crowd:
            crowd.wait_until_open()
            # long before the deadline, or it would prove nothing
            wait_until(lambda: crowd.open_now <= WAITING_LIMIT, DEADLINE_SECONDS / 2)
            return crowd.open_now

    still_open, seen = observe(receiver, attack)
    assert 0 < still_open <= WAITING_LIMIT
    assert shortcomings(seen) == []


@pytest.mark.parametrize(
    ("script", "deadline"),
    [
        (siege.HALF_MESSAGE, STALL_SECONDS),
        (siege.HALF_PDU, STALL_SECONDS),
        (siege.DRIPPING_STORE, GRACE_SECONDS),
        (siege.DRIPPING_FRAGMENTS, GRACE_SECONDS),
        (siege.SLOW_SENDER, GRACE_SECONDS),
    ],
    ids=["half a message", "half a PDU", "a byte at a time", "small fragments", "5 kB per second"],
)
def test_senders_that_stall_or_drip_inside_an_image_are_few_and_aborted_at_the_deadline(receiver, script, deadline):
    before = receiver.instances()

    def attack(watch):
        return siege.besiege(
            watch,
            receiver.port,
            script,
            CROWD // 2,
            stand_seconds=STAND_SECONDS,
            until_gone_seconds=deadline + SLACK_SECONDS,
        )

    result, seen = observe(receiver, attack)
    assert result.accepted == PEER_LIMIT
    assert result.rejected == CROWD // 2 - PEER_LIMIT
    assert result.longest_seconds <= deadline + SLACK_SECONDS
    assert shortcomings(seen) == []
    assert len(receiver.instances() - before) == len(seen.served), "those of the honest sender, and no orphan"


def test_idle_associations_cost_no_cpu_and_one_peer_cannot_take_all_places(receiver):
    result, seen = observe(
        receiver,
        lambda watch: siege.besiege(watch, receiver.port, siege.IDLE_ASSOCIATION, CROWD // 2, stand_seconds=2.0),
    )
    assert (result.accepted, result.rejected) == (PEER_LIMIT, CROWD // 2 - PEER_LIMIT)
    assert shortcomings(seen) == []


def test_garbage_from_connections_already_gone_has_no_effect(receiver):
    _, seen = observe(receiver, lambda _: siege.garbage_and_gone(receiver.port, 60))
    assert shortcomings(seen) == []


@pytest.mark.parametrize(
    ("header", "associated"),
    [
        (claims.REQUEST_OF_4_GIB, False),
        (claims.DATA_OF_4_GIB, False),
        (claims.DATA_OF_4_GIB, True),
        (claims.DATA_FAR_OVER_THE_MAXIMUM, True),
        (claims.FRAGMENT_LONGER_THAN_ITS_PDU, True),
        (claims.REQUEST_OF_4_GIB, True),
    ],
    ids=[
        "a request of 4 GiB",
        "data of 4 GiB before association",
        "data of 4 GiB",
        "data of 700 MB",
        "a fragment of 2 GiB in a PDU of 1 kB",
        "a second request, of 4 GiB",
    ],
)
def test_a_pdu_that_claims_too_much_is_refused_at_its_header(receiver, header, associated):
    result, seen = observe(
        receiver, lambda _: claims.claim(receiver.port, header, 64, associated=associated, patience=2.0)
    )
    assert result.is_ended
    assert result.swallowed_mb < 16, "what the kernel buffers, no more"
    assert shortcomings(seen, Limits(rss_peak_mb=8, rss_left_mb=8)) == []
