"""What registering a received instance costs on SQLite (WAL, synchronous FULL): in batches, and one by one.

    python benchmarks/registration.py [--rows 3000] [--series 1]

CPU is that of the thread that registers; the rate also holds the syncs of the disk it runs on. The rows go into
a database that holds ``--before`` rows already. "statement by statement" is one transaction and about six statements
for an instance (tests/support/single_registration.py), the others are ``SeriesStore.record``.
"""

import argparse
import hashlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from common.record import Report, Sheet, add_json_option
from common.spread import shown
from rich.console import Console

from hounsfield.storage.engine import Database, open_database
from hounsfield.storage.records import InstanceReceipt
from hounsfield.storage.states import InstanceRole

BATCHES = (1, 10, 100)
Record = Callable[[Database, Sequence[InstanceReceipt]], object]


def receipts(count: int, series: int, study: int) -> Iterator[InstanceReceipt]:
    """Yield receipts of different images, those of ``series`` series mixed."""
    for number in range(count):
        uid = f"1.2.826.0.1.3680043.8.498.{study}.{number % series}"
        yield InstanceReceipt(
            digest=hashlib.sha256(f"{study} {number}".encode()).hexdigest(),
            sop_instance_uid=f"{uid}.{number}",
            sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
            series_uid=uid,
            study_uid=f"1.2.826.0.1.3680043.8.498.{study}",
            transfer_syntax="1.2.840.10008.1.2.1",
            role=InstanceRole.SOURCE,
            calling_ae="CT1",
            called_ae="HOUNSFIELD",
            peer_address="192.0.2.7",
            association_id=f"{study:032x}",
            received_at=datetime.now(UTC),
            size=524_288,
        )


def measure(
    sheet: Sheet, name: str, database: Database, batches: Sequence[Sequence[InstanceReceipt]], record: Record
) -> None:
    """Add a row to the sheet."""
    rows = sum(map(len, batches))
    record(database, batches[0])  # warm
    wall, cpu = time.perf_counter(), time.thread_time()
    for batch in batches[1:]:
        record(database, batch)
    wall, cpu, rows = time.perf_counter() - wall, time.thread_time() - cpu, rows - len(batches[0])
    sheet.add(name, shown(rows / wall), shown(1000 * cpu / rows))


def one_by_one(database: Database, batch: Sequence[InstanceReceipt]) -> None:
    sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
    from support.single_registration import SingleRegistration

    sys.path.pop()
    for receipt in batch:
        SingleRegistration(database).register(receipt)


def in_a_batch(database: Database, batch: Sequence[InstanceReceipt]) -> None:
    database.series.record([], batch, [])


def cut(rows: Sequence[InstanceReceipt], size: int) -> list[Sequence[InstanceReceipt]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--series", type=int, default=1, help="how many series come mixed")
    parser.add_argument("--before", type=int, default=20_000)
    add_json_option(parser)
    chosen = parser.parse_args()
    sheet = Sheet("rows", "Registering instances", ("batch", "rows a second", "CPU ms of a row"))
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(None, Path(folder))
        for batch in cut(list(receipts(chosen.before, 40, 0)), 1000):
            database.series.record([], batch, [])
        few = list(receipts(max(2, chosen.rows // 10), chosen.series, 1))
        measure(sheet, "statement by statement", database, cut(few, 1), one_by_one)
        for study, size in enumerate(BATCHES, 2):
            rows = list(receipts(chosen.rows if size > 1 else chosen.rows // 3, chosen.series, study))
            measure(sheet, f"batches of {size}", database, cut(rows, size), in_a_batch)
        database.close()
    Report([sheet]).end(Console(width=120), chosen.json)


if __name__ == "__main__":
    main()
