"""What commands print can be anything that a sender calls itself: a terminal only ever shows it."""

import pytest

from hounsfield.daemon.cli.output import show_lines, show_table

HOSTILE = "CT1\x1b[2J\r\nforged"


def test_no_cell_of_a_table_moves_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(("sender",), [(HOSTILE,)])
    shown = capsys.readouterr().out
    assert shown.split() == ["sender", r"CT1\x1b[2J\r\nforged"]


def test_no_line_behind_a_label_moves_the_terminal_or_forges_another(capsys: pytest.CaptureFixture[str]) -> None:
    show_lines([("sender", HOSTILE), ("empty", "")], 8)
    assert capsys.readouterr().out == "sender  " + r"CT1\x1b[2J\r\nforged" + "\n"
