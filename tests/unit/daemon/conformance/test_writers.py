"""The two writers: whatever a text holds, it is shown as it is and changes nothing around it."""

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hounsfield.daemon.conformance.document import Bullets, Document, Figure, Paragraph, Section, Table, depth_of
from hounsfield.daemon.conformance.html import to_html
from hounsfield.daemon.conformance.markdown import escaped, to_markdown

HOSTILE = ("<script>alert(1)</script>", "a | b", "**bold** `code` [link](http://x) ~~gone~~", "__init__", "# title")
VOID = {"meta", "br"}


def document(text: str) -> Document:
    table = Table("Caption", ("one", "two"), ((text, "x"), ("y", text)))
    below = Section("1.1", text, (Paragraph(text), Bullets((text,)), Figure("plain"), table))
    return Document(title=text, cover=(Paragraph(text),), sections=(Section("1", "First", (), (below,)),))


class Reader(HTMLParser):
    """Reads HTML back: tags that are opened and closed, and the texts of cells."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.cells: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "td":
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["td"]:
            self.cells[-1] += data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


@given(st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_any_text_survives_html_and_adds_no_tag(text: str) -> None:
    reader = read(to_html(document(text)))
    assert reader.cells == [text, "x", "y", text]
    assert reader.tags == read(to_html(document("plain"))).tags


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_no_markup_in_markdown(text: str) -> None:
    lines = to_markdown(document(text)).splitlines()
    rows = [line for line in lines if line.startswith("| ")]
    assert {len(row.replace(r"\|", "").split(" | ")) for row in rows} == {2}
    written = escaped(text)
    for sign in "<>[]*`|~":
        assert written.count(sign) == written.count(f"\\{sign}")
    assert not written.startswith(("#", "_"))


def test_words_with_underscores_stay_readable_and_lines_do_not_break() -> None:
    assert escaped("dicom.max_pdu_bytes\nis a setting") == "dicom.max_pdu_bytes is a setting"


def test_a_table_without_rows_says_so_in_both() -> None:
    empty = Document(title="T", cover=(), sections=(Section("1", "First", (Table("Peers", ("a",), ()),)),))
    assert "Peers: none" in to_markdown(empty)
    assert "<p>Peers: none</p>" in to_html(empty)


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="not 2 cells"):
        Table("Caption", ("one", "two"), (("a",),))


def test_tables_and_sections_are_found_and_missing_ones_are_errors() -> None:
    made = document("x")
    assert made.table("Caption").column("two") == ["x", "x"]
    assert made.section("1.1").title == "x"
    for look in (made.table, made.section):
        with pytest.raises(LookupError):
            look("nowhere")


@pytest.mark.parametrize(("number", "depth"), [("1", 1), ("7.3.2.1", 4), ("A.A", 1), ("A.B.2", 2)])
def test_annexes_are_as_high_as_sections(number: str, depth: int) -> None:
    assert depth_of(Section(number, "")) == depth


def test_html_needs_nothing_from_elsewhere() -> None:
    reader = read(to_html(document("x")))
    assert reader.links == []
    assert not {"script", "link", "img", "iframe"} & reader.tags
