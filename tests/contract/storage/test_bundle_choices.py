"""Chosen bundles on both engines: the newest choice of a name counts, and every one is kept."""

from pathlib import Path

from support.stored import BUNDLE, at, claimed, closed, result

from hounsfield.storage.bundle_choice import BundleChoice, ChoiceKind, standing
from hounsfield.storage.engine import Database, open_database


def choice(
    version: str | None, seconds: float, kind: ChoiceKind = ChoiceKind.ACTIVATED, name: str = "a"
) -> BundleChoice:
    sha256 = None if version is None else version[0] * 64
    return BundleChoice(name=name, version=version, sha256=sha256, kind=kind, at=at(seconds), person="anna")


def test_nothing_is_chosen_at_first(database: Database) -> None:
    assert database.bundle_choices.current() == []
    assert database.bundle_choices.last_id() == 0
    assert database.bundle_choices.history("a") == []


def test_the_newest_choice_of_each_name_counts_and_all_are_kept(database: Database) -> None:
    first, second, other = choice("1.0.0", 1), choice("2.0.0", 2), choice("1.0.0", 3, name="b")
    for one in (first, second, other):
        database.bundle_choices.choose(one)
    assert database.bundle_choices.current() == [second, other]
    assert database.bundle_choices.history("a") == [first, second]


def test_what_was_deactivated_is_no_choice_any_more(database: Database) -> None:
    database.bundle_choices.choose(choice("1.0.0", 1))
    none = choice(None, 2, ChoiceKind.DEACTIVATED)
    database.bundle_choices.choose(none)
    assert database.bundle_choices.current() == []
    assert database.bundle_choices.history("a")[-1] == none


def test_another_process_notices_each_choice_by_one_number(database_url: str, database: Database) -> None:
    other = open_database(database_url, Path("unused"))
    try:
        seen = [other.bundle_choices.last_id()]
        for number in range(3):
            database.bundle_choices.choose(choice("1.0.0", number))
            seen.append(other.bundle_choices.last_id())
    finally:
        other.close()
    assert seen == sorted(set(seen))


def test_a_name_keeps_no_control_characters_and_not_everything(database: Database) -> None:
    long = BundleChoice(
        name="a", version="1.0.0", sha256="1" * 64, kind=ChoiceKind.ACTIVATED, at=at(1), person="\x1b[2J" + "x" * 500
    )
    database.bundle_choices.choose(long)
    (kept,) = database.bundle_choices.current()
    assert (kept.person.isprintable(), len(kept.person)) == (True, 128)


def test_analyses_that_have_not_ended_are_counted_for_their_version(database: Database) -> None:
    closed(database)
    choices = database.bundle_choices
    assert choices.unfinished(BUNDLE.bundle, BUNDLE.bundle_version) == 1
    assert choices.unfinished(BUNDLE.bundle, "9.9.9") == 0
    database.jobs.complete_infer(claimed(database), result(), (), at(31), {})
    assert choices.unfinished(BUNDLE.bundle, BUNDLE.bundle_version) == 0


def test_a_rollback_takes_one_choice_away_however_often() -> None:
    one, two, three = choice("1.0.0", 1), choice("2.0.0", 2), choice("3.0.0", 3)
    back = [choice("2.0.0", 4, ChoiceKind.ROLLED_BACK), choice("1.0.0", 5, ChoiceKind.ROLLED_BACK)]
    assert standing([one, two, three]) == (one, two, three)
    assert standing([one, two, three, back[0]]) == (one, two)
    assert standing([one, two, three, *back]) == (one,)
    assert standing([one, two, back[1], three]) == (one, three)


def test_choosing_the_same_again_is_no_step_to_go_back_over() -> None:
    one, again, none = choice("1.0.0", 1), choice("1.0.0", 2), choice(None, 3, ChoiceKind.DEACTIVATED)
    assert standing([one, again]) == (one,)
    assert standing([one, none]) == (one, none)
    assert standing([one, none, choice("1.0.0", 4, ChoiceKind.ROLLED_BACK)]) == (one,)
