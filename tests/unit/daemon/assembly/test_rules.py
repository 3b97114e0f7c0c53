"""The rule book: first match, every image, and a trace that says why."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.ct_factory import ct_series, ct_slice
from support.rule_facts import asked, book, facts_of, read_rules, rule

from hounsfield.daemon.assembly.facts import SeriesFacts
from hounsfield.daemon.assembly.rules import NOT_SHOWN, RuleBook, conditions_of, matches_where
from hounsfield.daemon.config.assembly import AssemblySettings
from hounsfield.daemon.config.rules import Rule
from hounsfield.daemon.rule_language.predicates import PREDICATES, Kind
from hounsfield.daemon.rule_language.quoting import LONGEST_SHOWN

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")  # what is written is wrong on purpose


def test_the_first_rule_that_a_series_meets_decides(tmp_path: Path) -> None:
    rules = book(
        {"name": "mr", "bundle": "b", "where": {"Modality": "MR"}},
        {"name": "ct", "bundle": "b", "where": {"Modality": "CT"}},
        {"name": "all", "skip": True},
    )
    match = rules.match(facts_of(tmp_path, ct_series(3), rules.keywords))
    assert match.rule is not None
    assert match.rule.name == "ct"
    assert match.lines == [
        'mr: Modality is "CT": equal to "MR": not met',
        'ct: Modality is "CT": equal to "CT": met',
    ]


def test_a_series_that_meets_no_rule_has_none_and_the_trace_of_all(tmp_path: Path) -> None:
    rules = book({"name": "a", "bundle": "b", "when": "slices > 9"}, {"name": "b", "hold": True, "when": "lossy"})
    match = rules.match(facts_of(tmp_path, ct_series(3)))
    assert match.rule is None
    assert match.lines == ["a: slices is 3: when slices > 9: not met", "b: lossy is false: when lossy: not met"]


def test_without_rules_every_series_meets_the_implicit_one(tmp_path: Path) -> None:
    match = RuleBook([]).match(facts_of(tmp_path, ct_series(3)))
    assert match.rule is RuleBook.IMPLICIT
    assert match.lines == ["any-bundle: every series: met"]
    implicit = RuleBook.IMPLICIT
    assert implicit.implicit
    assert (implicit.bundle, implicit.per_study, implicit.priority, implicit.shadow) == ((), "best", "routine", False)
    assert implicit.destinations is None
    assert implicit.quiet_seconds is None
    assert RuleBook([]).keywords == frozenset()


def test_once_released_a_series_passes_over_rules_that_hold(tmp_path: Path) -> None:
    rules = book({"name": "hold", "hold": True}, {"name": "ct", "bundle": "b"})
    facts = facts_of(tmp_path, ct_series(2))
    (held, analysed) = rules.match(facts).rule, rules.without_holds().match(facts).rule
    assert held is not None
    assert held.hold
    assert analysed is not None
    assert analysed.name == "ct"
    only_holds = book({"name": "hold", "hold": True})
    assert only_holds.without_holds().match(facts).rule is None
    assert RuleBook([]).without_holds().match(facts).rule is RuleBook.IMPLICIT


def test_a_book_gives_back_the_rules_it_was_made_of() -> None:
    assert [rule.name for rule in book({"name": "a", "skip": True}, {"name": "b", "bundle": "x"}).rules] == ["a", "b"]
    assert RuleBook([]).rules == ()


def test_every_image_has_to_meet_a_condition(tmp_path: Path) -> None:
    series = [ct_slice(z=float(z), SliceThickness=thickness) for z, thickness in enumerate(["4", "7", "4"])]
    assert asked(tmp_path / "a", series, where={"SliceThickness": {"from": 3, "to": 8}}) == [
        "SliceThickness is 4, 7: from 3 to 8: met"
    ]
    assert asked(tmp_path / "b", series, where={"SliceThickness": {"to": 5}}) == [
        "SliceThickness is 4, 7: to 5: not met"
    ]
    series.append(ct_slice(z=9.0, SliceThickness=None))
    assert asked(tmp_path / "c", series, where={"SliceThickness": {"from": 3}}) == [
        "SliceThickness is absent, 4, 7: from 3: not met"
    ]


def test_all_conditions_are_shown_with_what_was_found(tmp_path: Path) -> None:
    where = {
        "ImageType": "AXIAL",
        "StationName": {"present": False},
        "KVP": [80, 120],
        "BodyPartExamined": {"not": {"matches": "(?i)chest"}},
    }
    assert asked(tmp_path, where=where, when="original and slices >= 20") == [
        'ImageType is ["ORIGINAL", "PRIMARY", "AXIAL"]: equal to "AXIAL": met',
        "StationName is absent: absent or empty: met",
        "KVP is 120: one of 80, 120: met",
        'BodyPartExamined is "HEAD": not matches "(?i)chest": met',
        "slices is 3, original is true: when original and slices >= 20: not met",
    ]


def test_what_cannot_be_worked_out_is_not_met_and_said(tmp_path: Path) -> None:
    (line,) = asked(tmp_path, ct_series(3, SliceThickness=None), when="thickness_max <= 5")
    assert line == (
        "thickness_max is unknown, cannot be worked out (thickness_max unknown): when thickness_max <= 5: not met"
    )


def test_who_the_patient_is_is_compared_and_not_shown(tmp_path: Path) -> None:
    where = {
        "PatientID": {"matches": "^T-"},
        "PatientName": {"matches": "(?i)test"},
        "AccessionNumber": {"present": True},
    }
    lines = asked(tmp_path, ct_series(3, AccessionNumber="A777"), where=where, when="patient_age_years > 18")
    assert lines[:3] == [
        f'PatientID {NOT_SHOWN}: matches "^T-": met',
        f'PatientName {NOT_SHOWN}: matches "(?i)test": met',
        f"AccessionNumber {NOT_SHOWN}: present: met",
    ]
    assert lines[3] == f"patient_age_years is {NOT_SHOWN}: when patient_age_years > 18: met"
    assert not any(secret in line for line in lines for secret in ("T-1", "Head", "A777", "76", "75"))


def test_texts_of_images_are_quoted_escaped_and_cut(tmp_path: Path) -> None:
    hostile = 'a"\u202e\x07b' + "x" * 200
    (line,) = asked(
        tmp_path,
        ct_series(2, SpecificCharacterSet="ISO_IR 192", SeriesDescription=hostile),
        where={"SeriesDescription": {"present": True}},
    )
    shown = line.removeprefix("SeriesDescription is ").removesuffix(": present: met")
    assert shown.startswith('"a\\"\\u202e\\x07bxxx')
    assert shown.endswith('..."')
    assert line.isprintable()


def test_many_different_values_are_counted_rather_than_listed(tmp_path: Path) -> None:
    (line,) = asked(tmp_path, ct_series(12), where={"InstanceNumber": {"from": 1}})
    assert line == "InstanceNumber is 1, 6, 11, 16, 21, 26, and 6 more: from 1: met"


def test_a_book_knows_which_attributes_it_needs() -> None:
    rules = book(
        {"name": "a", "bundle": "b", "where": {"Modality": "CT"}, "requires": [{"SeriesNumber": 1}]},
        {"name": "b", "skip": True, "when": "patient_age_years < 16"},
    )
    assert rules.keywords == {"Modality", "SeriesNumber", "PatientAge", "PatientBirthDate", "StudyDate"}


def test_another_series_is_asked_by_a_table_of_conditions(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, ct_series(2), frozenset({"SeriesDescription", "Modality"}))
    assert matches_where(facts, {"SeriesDescription": {"matches": "^Head"}, "Modality": "CT"})
    assert not matches_where(facts, {"SeriesDescription": {"matches": "^Head"}, "Modality": "MR"})


def test_a_series_of_which_nothing_was_read_meets_no_condition() -> None:
    facts = SeriesFacts(values={}, predicates=dict.fromkeys(PREDICATES))
    assert not matches_where(facts, {"StationName": {"present": False}})


@pytest.mark.parametrize(
    ("keys", "expected"),
    [({}, 5.0), ({"quiet_seconds": 3.0}, 3.0), ({"quiet_seconds": 60.0, "released_seconds": 1.0}, 1.0)],
)
def test_the_fastest_quiet_period_is_the_shortest_that_any_series_could_have(
    keys: dict[str, float], expected: float
) -> None:
    rules = book({"name": "a", "bundle": "b"} | keys, {"name": "b", "skip": True})
    assert rules.fastest_quiet(AssemblySettings()) == expected


_VALUES = st.sampled_from(["CT", "MR", "", "ct", "X\\CT"])


@given(st.lists(_VALUES, min_size=1, max_size=5), st.sampled_from(["CT", "MR", "X"]))
def test_a_condition_and_its_opposite_are_never_met_together(modalities: list[str], wanted: str) -> None:
    different = {tuple(part for part in text.split("\\") if part) for text in modalities}
    facts = SeriesFacts(values={"ImageType": tuple(sorted(different))}, predicates={})
    yes, no = matches_where(facts, {"ImageType": wanted}), matches_where(facts, {"ImageType": {"not": wanted}})
    assert not (yes and no)
    assert yes == all(wanted in values for values in different)


@given(st.text(max_size=300))
def test_a_trace_is_one_printable_line_whatever_the_text(text: str) -> None:
    rules = book({"name": "r", "bundle": "b", "where": {"SeriesDescription": "x"}, "when": 'series_description == "x"'})
    predicates = dict.fromkeys(PREDICATES) | {"series_description": text[:256]}
    facts = SeriesFacts(values={"SeriesDescription": ((text,),)}, predicates=predicates)
    for line in rules.match(facts).lines:
        assert line.isprintable()
        assert len(line) < 10 * LONGEST_SHOWN + 100


def test_an_expression_over_several_lines_is_traced_in_one(tmp_path: Path) -> None:
    (line,) = asked(tmp_path, when="axial\n  and\toriginal # both\n")
    assert line == "original is true, axial is true: when axial and original # both: met"
    assert conditions_of(rule(when="axial\nand original", where={"KVP": 120})) == [
        "KVP equal to 120",
        "axial and original",
    ]
    assert conditions_of(rule()) == ["every series"]


DOCUMENT = (Path(__file__).parents[4] / "docs" / "rules.md").read_text(encoding="utf-8")


def test_the_words_of_when_are_documented_as_they_are() -> None:
    rows = re.findall(r"(?m)^\| `(\w+)` \| ([^|]+) \| (.+) \|$", DOCUMENT)
    documented = [row for row in rows if row[1] in {kind.value for kind in Kind}]
    assert documented == [(name, one.kind.value, one.words) for name, one in PREDICATES.items()]


@pytest.mark.parametrize("text", re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL))
def test_every_example_of_the_documentation_is_a_rule_that_can_be_used(text: str, tmp_path: Path) -> None:
    rules = RuleBook(read_rules(tmp_path, text))
    assert rules.rules
    assert rules.match(facts_of(tmp_path, ct_series(3), rules.keywords)).trace


def test_the_examples_of_the_documentation_choose_as_they_say(tmp_path: Path) -> None:
    emergency = next(text for text in re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL) if "emergency" in text)
    rules = RuleBook(read_rules(tmp_path, emergency))

    def chosen(**attributes: object) -> str | None:
        found = rules.match(facts_of(tmp_path, ct_series(3, **attributes), rules.keywords)).rule
        return None if found is None else found.name

    assert chosen(StationName="WS2") == "never-from-workstations"
    assert chosen(StationName="CT_ER1") == "emergency"
    assert chosen(StationName="CT_ER1", SeriesDescription="Thorax") == "routine"
    assert chosen(StationName="CT3") == "routine"
    assert chosen(StationName="CT3", BodyPartExamined="CHEST") is None


def test_the_keys_of_a_rule_are_all_documented() -> None:
    for key in Rule.model_fields:
        assert f"`{key}" in DOCUMENT or f"\n{key} = " in DOCUMENT, key
