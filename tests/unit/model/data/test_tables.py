import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hounsfield.model.data.listing import plain
from hounsfield.model.data.tables import Table, contradicts_any, highest, label_value, merged, same, with_any
from hounsfield.model.errors import DataError

VALUES = st.sampled_from([0.0, 1.0, math.nan])


@given(st.text())
def test_no_name_out_of_a_table_leads_out_of_the_folder(name: str) -> None:
    path = plain(name)
    root = Path("/data/set")
    assert path is None or ((root / path).is_relative_to(root) and ".." not in Path(path).parts)


@pytest.mark.parametrize(
    "name", ["", "/etc/passwd", "../x", "a/../../x", "a\\..\\..\\x", "C:\\x", "C:/x", "a\0b", "x" * 2000]
)
def test_names_that_lead_out_are_none(name: str) -> None:
    assert plain(name) is None


@pytest.mark.parametrize(("name", "path"), [("a.png", "a.png"), ("./a//b.png", "a/b.png"), ("a\\b.png", "a/b.png")])
def test_names_become_paths_with_slashes(name: str, path: str) -> None:
    assert plain(name) == path


@given(st.lists(VALUES, min_size=1, max_size=6))
def test_any_is_never_below_another_label(values: list[float]) -> None:
    labels = ["any", *(f"label{k}" for k in range(len(values)))]
    truth = with_any(labels, [math.nan, *values])
    assert not contradicts_any(labels, truth)
    assert (truth[0] == 1.0) == (1.0 in values)


@given(st.lists(st.tuples(VALUES, VALUES), max_size=6))
def test_what_two_truths_know_together_contradicts_neither(pairs: list[tuple[float, float]]) -> None:
    one, other = [a for a, _ in pairs], [b for _, b in pairs]
    assert same(one, merged(one, other))
    assert all(
        math.isnan(a) and math.isnan(b) for (a, b), c in zip(pairs, merged(one, other), strict=True) if math.isnan(c)
    )


def test_a_label_is_one_zero_unknown_or_none() -> None:
    assert [label_value(text) for text in ("1", " 0 ", "True", "no")] == [1.0, 0.0, 1.0, 0.0]
    assert math.isnan(label_value("") or 0.0)
    assert label_value("2") is label_value("0.5") is None


def test_the_highest_of_nothing_is_unknown() -> None:
    assert math.isnan(highest([]))


def test_semicolons_a_byte_order_mark_and_empty_lines_are_read(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("\ufefffile;label\r\na.png;1\r\n;\r\n".encode())
    rows = list(Table(tmp_path / "t.csv"))
    assert [(row.place, row.get("file"), row.get("label"), row.get("other")) for row in rows] == [
        ("t.csv row 2", "a.png", "1", "")
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "has no header"),
        (b"a,a\n", "a column stands twice"),
        (b"\xff\xfe\x00", "is not a table in UTF-8"),
        (b"a,b\n\xff,1\n", "is not a table in UTF-8"),
        (b"a,b\n" + b"x" * 5000 + b",1\n", "row 2 has a cell of more than 4096 characters"),
    ],
)
def test_what_is_no_table_is_told(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DataError, match=words):
        list(Table(tmp_path / "t.csv"))


def test_a_table_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"t.csv: cannot be read \(No such file"):
        Table(tmp_path / "t.csv")
