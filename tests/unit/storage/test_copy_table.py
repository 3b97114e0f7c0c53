"""What counts as the same row on both engines, and how one that is not is named."""

import pytest
from sqlalchemy import Column, Integer, Interval, LargeBinary, MetaData, String, Table

from hounsfield.storage.copy_table import RowsDiffer, compare, read_target
from hounsfield.storage.errors import StorageError
from hounsfield.storage.tables import Json, UtcDateTime

table = Table(
    "kept",
    MetaData(),
    Column("job_id", Integer, primary_key=True),
    Column("uid", String(64), primary_key=True),
    Column("at", UtcDateTime),
    Column("detail", Json),
    Column("bytes", LargeBinary),
)
MOMENT = "2026-11-26 10:00:00.000000"


def row(
    detail: str | None = "{}", at: str | None = MOMENT, uid: str = "1.2", content: bytes = b""
) -> tuple[object, ...]:
    return (7, uid, at, detail, content)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (
            row('{"b": 1, "a": [1e3, -0.0, 1e23, true, null]}'),
            row('{"a":[1000,0.0,100000000000000000000000,true,null],"b":1}'),
        ),
        (row('"Gr\\u00fc\\u00dfe \\ud83e\\udde0"'), row('"Gr\u00fc\u00dfe \U0001f9e0"')),
        (row(at="2026-11-26 10:00:00"), row(at=MOMENT)),
        (row(None, None), row(None, None)),
    ],
)
def test_rows_are_the_same_by_what_they_mean(ours: tuple[object, ...], theirs: tuple[object, ...]) -> None:
    done: list[int] = []
    assert compare(table, [ours, ours], [theirs, theirs], done.append) == 2
    assert sum(done) == 2


@pytest.mark.parametrize(
    ("ours", "theirs", "column"),
    [
        (row('{"a": 1}'), row('{"a": true}'), "detail"),
        (row('{"a": 0.1}'), row('{"a": 0.10000000000000001}'), "detail"),
        (row('["secret"]'), row("[]"), "detail"),
        (row("null"), row(None), "detail"),
        (row(), row(at="2026-11-26 10:00:00.000001"), "at"),
        (row(uid="1.2.secret"), row(uid="1.2.secret "), "uid"),
        (row(content=b"\0"), row(content=b""), "bytes"),
    ],
)
def test_a_row_that_differs_is_named_without_what_it_holds(
    ours: tuple[object, ...], theirs: tuple[object, ...], column: str
) -> None:
    with pytest.raises(RowsDiffer) as told:
        compare(table, [row(), ours], [row(), theirs], lambda _: None)
    assert str(told.value) == f"table kept, job_id 7, row 2 in the order of its key: {column} differs"


@pytest.mark.parametrize(("ours", "theirs", "where"), [(2, 1, "source"), (1, 2, "target")])
def test_a_row_that_only_one_side_has_is_named(ours: int, theirs: int, where: str) -> None:
    with pytest.raises(RowsDiffer, match=f"row 2 in the order of its key is only in the {where}"):
        compare(table, [row()] * ours, [row()] * theirs, lambda _: None)


def test_a_type_that_nobody_has_thought_of_is_no_guess() -> None:
    strange = Table("strange", MetaData(), Column("id", Integer, primary_key=True), Column("span", Interval))
    with pytest.raises(StorageError, match=r"strange\.span has a type that cannot be copied yet"):
        next(read_target(None, strange))  # type: ignore[arg-type]
