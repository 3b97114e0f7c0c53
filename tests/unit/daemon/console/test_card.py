"""Model cards as blocks."""

import hashlib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from hounsfield.daemon.console.pages.card import FILE, LONGEST, Block, Run, pieces, read_card, runs

CARD = """# tiny: a card

Made for **tests** with `make`,
on two lines.

| figure | value |
|---|---|
| AUC | 0.9 (0.8 to 1.0) |

- one
- two
  goes on
```
raw <b>text</b>
```
"""


def test_a_card_becomes_headings_paragraphs_tables_lists_and_text() -> None:
    found = pieces(CARD)
    assert [one.kind for one in found] == [Block.HEADING, Block.PARAGRAPH, Block.TABLE, Block.LIST, Block.TEXT]
    assert found[0].lines[0] == (Run("tiny: a card"),)
    assert found[2].rows[1] == ((Run("AUC"),), (Run("0.9 (0.8 to 1.0)"),))
    assert found[3].lines[1] == (Run("two goes on"),)
    assert found[4].lines == ((Run("raw <b>text</b>"),),)


def test_code_strong_and_em_are_told_apart() -> None:
    assert runs("a `b` **c** *d*.") == (
        Run("a "),
        Run("b", "code"),
        Run(" "),
        Run("c", "strong"),
        Run(" "),
        Run("d", "em"),
        Run("."),
    )


def test_links_and_html_stay_text() -> None:
    (line,) = pieces("[x](javascript:alert(1)) <script>1</script>")[0].lines
    assert "".join(run.text for run in line) == "[x](javascript:alert(1)) <script>1</script>"


@given(st.text(alphabet="#|-` *\nab<", max_size=200))
def test_no_card_breaks_the_reading_and_no_letter_is_lost(text: str) -> None:
    letters = "".join(
        run.text
        for piece in pieces(text)
        for line in (*piece.lines, *(cell for row in piece.rows for cell in row))
        for run in line
    )
    # What follows the marks of a fence on its own line names a language and is not shown.
    if "```" not in text:
        assert [one for one in letters if one in "ab"] == [one for one in text if one in "ab"]


def test_a_card_is_read_only_when_it_is_the_one_that_the_manifest_names(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("# card", encoding="utf-8")
    digest = hashlib.sha256(b"# card").hexdigest()
    assert read_card(tmp_path, digest) == "# card"
    assert read_card(tmp_path, "0" * 64) == ""
    assert read_card(tmp_path, None) == ""
    assert read_card(tmp_path / "gone", digest) == ""


def test_a_link_is_never_followed_and_a_huge_card_is_cut(tmp_path: Path) -> None:
    real = tmp_path / "elsewhere.md"
    real.write_bytes(b"x" * (LONGEST + 10))
    digest = hashlib.sha256(real.read_bytes()).hexdigest()
    (tmp_path / FILE).symlink_to(real)
    assert read_card(tmp_path, digest) == ""
    (tmp_path / FILE).unlink()
    (tmp_path / FILE).write_bytes(real.read_bytes())
    assert len(read_card(tmp_path, digest)) == LONGEST
