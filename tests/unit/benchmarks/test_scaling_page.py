"""docs/scaling.md says what was measured, and its arithmetic is what it says."""

import json
from pathlib import Path

import pytest
from paper import blocks

ROOT = Path(__file__).resolve().parents[3]
MEASURED = json.loads((ROOT / "benchmarks" / "cluster" / "measured.json").read_text())


@pytest.mark.parametrize("name", list(blocks(MEASURED)))
def test_every_table_is_the_one_that_was_measured(name: str) -> None:
    page = (ROOT / "docs" / "scaling.md").read_text()
    assert f"<!-- measured: {name} -->\n{blocks(MEASURED)[name]}\n<!-- end -->" in page


def test_the_lock_holds_so_many_series_as_its_ceiling_has_transactions_for() -> None:
    event = {"writers": 1, "waits": {}}
    events = [event | {"ordered": True, "rate": 400.0}, event | {"ordered": False, "rate": 9e9}]
    costs = MEASURED["costs"] | {"event_transactions": 8}
    found = MEASURED | {"rates": MEASURED["rates"] | {"events": events}, "costs": costs}
    row = next(line for line in blocks(found)["limits"].splitlines() if "lock" in line)
    cells = [cell.strip() for cell in row.split("|")]
    assert cells[2:5] == ["50.0", "864,000", "4.3"]  # 400 / 8; a day with a peak of 5; of 200,000
