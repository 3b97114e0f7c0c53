"""What reception counts, and what counting costs."""

import threading
import time

from hounsfield.daemon.reception.status import Status
from hounsfield.daemon.reception.tally import ReceptionTally
from hounsfield.storage.peer_records import SightingReason


def test_images_and_bytes_are_counted_by_scanner_and_strangers_together() -> None:
    tally = ReceptionTally(["CT1", "CT2"])
    tally.answered(Status.STORED, "CT1", 100)
    tally.answered(Status.STORED, "CT1", 50)
    for number in range(100):
        tally.answered(Status.STORED, f"DOE^JOHN{number}", 1)
    assert tally.facts()["images"] == {"CT1": 2, "other": 100}
    assert tally.facts()["bytes"] == {"CT1": 150, "other": 100}


def test_answers_are_counted_by_dimse_status_and_refusals_by_reason() -> None:
    tally = ReceptionTally()
    for status in (Status.STORED, Status.NO_SPACE, Status.DATABASE_DOWN, Status.NO_SPACE, Status.CLASS_MISMATCH):
        tally.answered(status, "CT1", 10)
    facts = tally.facts()
    assert facts["statuses"] == {"0000": 1, "A700": 3, "A900": 1}
    assert facts["images_refused"] == {"no-space": 2, "database-down": 1, "class-mismatch": 1}


def test_associations_are_counted_as_admitted_or_by_why_they_were_refused() -> None:
    tally = ReceptionTally()
    tally.asked(SightingReason.KNOWN, True)
    tally.asked(SightingReason.UNKNOWN_PEER, True)  # learning mode
    tally.asked(SightingReason.UNKNOWN_PEER, False)
    facts = tally.facts()
    assert (facts["associations_admitted"], facts["associations_refused"]) == (2, {"unknown-peer": 1})


def test_no_count_is_lost_between_threads() -> None:
    tally = ReceptionTally(["CT1"])

    def count() -> None:
        for _ in range(5_000):
            tally.answered(Status.STORED, "CT1", 1)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tally.facts()["images"] == {"CT1": 20_000}


def test_counting_an_image_costs_about_a_microsecond() -> None:
    tally = ReceptionTally(["CT1"])
    best = 1.0
    for _ in range(20):
        started = time.thread_time()
        for _ in range(2_000):
            tally.answered(Status.STORED, "CT1", 524_288)
        best = min(best, (time.thread_time() - started) / 2_000)
    assert best < 5e-6, f"{best * 1e6:.2f} us"
