"""docs/performance.md says what was measured, all of it, and nothing else in a table."""

import json
import re

import pytest
from common import performance
from common.page import NoPlace, filled, places
from common.parts import PARTS

PAGE = performance.PAGE.read_text()
BLOCKS = performance.blocks(performance.measured(), json.loads(performance.ON_GPU.read_text()))


@pytest.mark.parametrize("name", places(PAGE))
def test_every_table_is_the_one_that_was_measured(name: str) -> None:
    assert f"<!-- measured: {name} -->\n{BLOCKS.get(name, performance.NOT_YET)}\n<!-- end -->" in PAGE


def test_whatever_was_measured_has_a_place() -> None:
    assert set(BLOCKS) <= set(places(PAGE))


def test_no_table_stands_outside_the_marks() -> None:
    beside = re.sub(r"<!-- measured: .*?<!-- end -->", "", PAGE, flags=re.S)
    assert [line for line in beside.splitlines() if line.startswith("|")] == []


def test_only_what_is_still_run_is_kept() -> None:
    assert set(performance.measured()["parts"]) <= {part.name for part in PARTS}


def test_a_page_is_filled_between_its_marks_only() -> None:
    page = "a\n<!-- measured: x -->\nold\n<!-- end -->\nb\n<!-- measured: y -->\n<!-- end -->\n"
    new = "a\n<!-- measured: x -->\n1\\2\n<!-- end -->\nb\n<!-- measured: y -->\n3\n<!-- end -->\n"
    assert filled(page, {"x": "1\\2", "y": "3"}) == new


def test_what_has_no_place_is_an_error() -> None:
    with pytest.raises(NoPlace, match="0 places for 'z'"):
        filled("<!-- measured: x -->\n<!-- end -->\n", {"z": "1"})
