"""``when``: what the language lets through, what it refuses at load, and that no text of an image can do anything."""

import time
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hounsfield.daemon.rule_language.expressions import Answer, BadExpression, compile_expression
from hounsfield.daemon.rule_language.predicates import LONGEST_TEXT, PREDICATES, Kind, PredicateValue

_PLAIN: dict[Kind, PredicateValue] = {
    Kind.TEXT: "Head",
    Kind.NUMBER: 5.0,
    Kind.TRUTH: True,
    Kind.TEXTS: ("ORIGINAL", "AXIAL"),
}


def series(**changes: PredicateValue) -> Mapping[str, PredicateValue]:
    return {name: _PLAIN[predicate.kind] for name, predicate in PREDICATES.items()} | changes


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ('modality == "Head"', True),
        ('modality in ["CT", "Head"]', True),
        ('"AXIAL" in image_types and not ("LOCALIZER" in image_types)', True),
        ("original and axial and not contrast", False),
        ("thickness_min >= 4.9 and thickness_max <= 5", True),
        ("slices * thickness_max >= 25", True),
        ("thickness_max in [0.625, 5]", True),
        ("slices == 5 or slices / 0 > 1", True),
        ('matches(series_description, "(?i)^HEAD$")', True),
        ('matches(kernel, "^B")', False),
        ('"ea" in body_part', True),
        ("patient_age_years != null and patient_age_years >= 18", False),
        ("axial # a comment", True),
        ("true", True),
    ],
)
def test_an_expression_means_what_it_says(text: str, met: bool) -> None:
    assert compile_expression(text).ask(series()) == Answer(met)


@pytest.mark.parametrize("text", ["thickness_max <= 5", "not (thickness_max > 5)", "axial and thickness_min > 0"])
def test_what_is_unknown_is_not_met_and_the_answer_says_so(text: str) -> None:
    answer = compile_expression(text).ask(series(thickness_max=None, thickness_min=None))
    assert not answer.met
    assert "unknown" in answer.trouble
    assert answer.trouble.startswith("cannot be worked out (thickness_")


def test_unknown_values_can_be_asked_for_and_replaced() -> None:
    unknown = series(thickness_max=None)
    assert compile_expression("thickness_max == null").ask(unknown).met
    assert compile_expression("(thickness_max ?? 5) <= 5").ask(unknown).met


def test_a_division_by_nothing_is_not_met() -> None:
    answer = compile_expression("thickness_max / slices > 0").ask(series(slices=0.0))
    assert not answer.met
    assert "division" in answer.trouble


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "0 characters"),
        ("axial or " * 200 + "axial", "characters"),
        ('modalty == "CT"', "did you mean modality?"),
        ("os == 1", "allowed are modality, body_part"),
        ('modality == "CT', "syntax error"),
        ("axial and", "syntax error"),
        ("import os", "syntax error"),
        ("modality", "neither true nor false"),
        ("slices + 1", "neither true nor false"),
        ("modality > 3", "not of one kind"),
        ("modality == 3", "a text is compared with a number"),
        ('thickness_max in ["5"]', "a number cannot be in"),
        ("slices and axial", "compare something first"),
        ("not slices", "compare something first"),
        ('modality =~ "C."', "write matches("),
        ('modality !~~ "C."', "write matches("),
        ("matches(modality, series_description)", "in quotes"),
        ('matches(modality, "(")', "missing )"),
        ('matches(slices, "1")', "argument #1"),
        ("matches == 3", "not of one kind"),
        ("modality.length == 2", "attributes are not there"),
        ("modality.__class__ == 2", "unknown attribute"),
        ('modality[0] == "C"', "not there"),
        ("[x for x in image_types] == []", "loops are not there"),
        ("axial ? true : false", "two rules"),
        ("$now == $now", "$"),
        ('$split("a", "b") == []', "$"),
        ("slices ** 2 > 3", "** is not there"),
        ("1 / 0 == 1", "division"),
    ],
)
def test_what_a_rule_does_not_need_is_refused_when_it_is_loaded(text: str, words: str) -> None:
    with pytest.raises(BadExpression) as caught:
        compile_expression(text)
    assert words in str(caught.value)


def test_the_names_in_an_expression_are_known() -> None:
    assert compile_expression('slices > 3 and matches(kernel, "x")').names == ("kernel", "slices")


HOSTILE = [
    'x" or true or "',
    "' or 1 == 1 #",
    "\n\r\x00\x1b[2J",
    "\u202eHead",
    "a" * LONGEST_TEXT,
    "a" * 63 + "!",
    "$now",
    "${jndi}",
    "\ud800",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_is_a_text_and_nothing_else(text: str) -> None:
    described = series(series_description=text, image_types=(text,))
    assert not compile_expression('series_description == "Head"').ask(described).met
    assert not compile_expression('"AXIAL" in image_types').ask(described).met
    start = time.process_time()
    answer = compile_expression('matches(series_description, "(a+)+$|(a|a)*b|^(([a-z])+.)+[A-Z]")').ask(described)
    assert not answer.trouble
    assert time.process_time() - start < 0.5


@given(st.text(max_size=LONGEST_TEXT), st.lists(st.text(max_size=40), max_size=8))
def test_no_text_of_an_image_raises_or_decides_what_it_should_not(text: str, types: list[str]) -> None:
    expression = compile_expression(
        'series_description == "wanted" or "WANTED" in image_types or matches(series_description, "^wanted$")'
    )
    answer = expression.ask(series(series_description=text, image_types=tuple(types)))
    assert answer == Answer(text == "wanted" or "WANTED" in types)


@given(st.text(alphabet='axislce"()[]$.=~<>!&|?:+-*/ and or not in matches 0123', max_size=60))
def test_any_text_is_an_expression_or_is_refused(text: str) -> None:
    try:
        expression = compile_expression(text)
    except BadExpression:
        return
    assert expression.ask(series()).met in (True, False)


def test_the_longest_expression_is_answered_at_once() -> None:
    longest = " and ".join(['matches(series_description, "(a+)+$")'] * 23)
    expression = compile_expression(longest)
    start = time.process_time()
    expression.ask(series(series_description="a" * (LONGEST_TEXT - 1) + "!"))
    assert time.process_time() - start < 0.5
