"""What one process at a time does begins afresh with each term of office, and ends with it at once."""

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from hounsfield.daemon.term_of_office import ELECTED, Term, Work


class Office:
    """Held as long as ``answers`` say so, then as the last of them said."""

    def __init__(self, *answers: bool) -> None:
        self._answers: Iterator[bool] = iter(answers)
        self._last = False
        self.is_left = False

    def is_held(self) -> bool:
        self._last = next(self._answers, self._last)
        return self._last

    def leave(self) -> None:
        self.is_left = True


class Diary:
    """What was done, in which term."""

    def __init__(self, trouble: Exception | None = None) -> None:
        self.done: list[str] = []
        self.terms = 0
        self._trouble = trouble

    def begin(self) -> Work:
        self.terms += 1
        term = self.terms

        def decide() -> int:
            self.done.append(f"decide {term}")
            if self._trouble is not None:
                raise self._trouble
            return 1

        return Work((decide, lambda: self.done.append(f"tidy {term}") or 0), lambda: self.done.append(f"look {term}"))


def test_who_does_not_hold_the_office_does_nothing() -> None:
    diary = Diary()
    term = Term("work", Office(False), diary.begin)
    with capture_logs() as logs:
        assert [term.step() for _ in range(3)] == [False] * 3
    assert (diary.terms, diary.done, term.facts()) == (0, [], {ELECTED: False})
    assert [entry["log_level"] for entry in logs] == ["info"], "it is told once"


def test_who_holds_it_works_and_looks_how_it_goes() -> None:
    diary = Diary()
    term = Term("work", Office(True), diary.begin)
    with capture_logs() as logs:
        assert [term.step(), term.step()] == [True, True]
    assert diary.done == ["decide 1", "tidy 1", "look 1"] * 2
    assert term.facts() == {ELECTED: True}
    assert logs == [], "a single process has nothing to tell"


def test_an_office_that_is_lost_ends_the_work_before_its_next_step() -> None:
    diary = Diary()
    term = Term("work", Office(True, True, False), diary.begin)
    with capture_logs() as logs:
        assert not term.step()
    assert diary.done == ["decide 1"]
    assert term.facts() == {ELECTED: False}
    assert [entry["log_level"] for entry in logs] == ["warning"]


def test_a_new_term_remembers_nothing_of_the_one_before() -> None:
    diary = Diary()
    term = Term("work", Office(True, True, False, False, True), diary.begin)
    term.step()
    assert term.step()
    assert diary.done == ["decide 1", "decide 2", "tidy 2", "look 2"]


def test_trouble_with_the_work_hides_no_alarm() -> None:
    diary = Diary(RuntimeError("no decision"))
    with pytest.raises(RuntimeError, match="no decision"):
        Term("work", Office(True), diary.begin).step()
    assert diary.done == ["decide 1", "look 1"]


def test_who_ends_lets_others_take_over_at_once() -> None:
    office = Office(True)
    term = Term("work", office, Diary().begin)
    term.step()
    term.end()
    assert office.is_left
    assert term.facts() == {ELECTED: False}
