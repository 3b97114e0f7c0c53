"""What a receiver says of itself, after what came over real sockets."""

from pathlib import Path

from support.datasets import tiny
from support.raw_scu import associated, store
from support.reception import receiving
from support.waiting import wait_until

from hounsfield.daemon.config.reception import Peer

ME = (Peer(ae_title="CT1", host="127.0.0.1"),)


def test_a_receiver_counts_what_it_answered_to_whom(tmp_path: Path) -> None:
    with receiving(tmp_path, peers=ME) as reception:
        with associated(reception.port, calling="CT1") as sender:
            assert store(sender, tiny()) == 0x0000
            assert reception.receiver.facts()["associations_open"] == 1
        with associated(reception.port, calling="NOBODY") as stranger:
            assert stranger is not None
        wait_until(lambda: reception.receiver.facts()["associations_open"] == 0)
        assert reception.store is not None
        facts = reception.receiver.facts()
    assert facts["images"] == {"CT1": 1}
    assert facts["bytes"] == {"CT1": len(tiny())}
    assert facts["statuses"] == {"0000": 1}
    assert (facts["associations_admitted"], facts["associations_refused"]) == (1, {"unknown-peer": 1})
    assert (facts["unregistered"], facts["listens"], facts["refuses"]) == (0, True, False)


def test_a_receiver_that_has_no_room_says_that_it_refuses(tmp_path: Path) -> None:
    with receiving(tmp_path, min_free_percent=99.99) as reception:
        wait_until(lambda: reception.receiver.facts()["refuses"])
        with associated(reception.port) as sender:
            assert store(sender, tiny()) == 0xA700
        facts = reception.receiver.facts()
    assert facts["statuses"] == {"A700": 1}
    assert facts["images_refused"] == {"no-space": 1}
    assert facts["images"] == {}
