"""Conditions under ``where``: what they take, what they refuse, and that no text can keep them busy."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hounsfield.daemon.rule_language.conditions import BadCondition, parse_where
from hounsfield.daemon.rule_language.patterns import pattern_problem
from hounsfield.model.attributes import LONGEST_TEXT, Values


def met(keyword: str, condition: object, *values: str | float) -> bool:
    return parse_where({keyword: condition})[keyword].met(values)


@pytest.mark.parametrize(
    ("condition", "values", "expected"),
    [
        ("CT", ("CT",), True),
        ("CT", ("ct",), False),
        ("CT ", ("CT",), True),
        ("CT", (), False),
        (["MR", "CT"], ("CT",), True),
        (["MR", "PT"], ("CT",), False),
        ({"matches": "^C"}, ("CT",), True),
        ({"matches": "^c"}, ("CT",), False),
        ({"matches": "(?i)^c"}, ("CT",), True),
        ({"matches": "T"}, ("CT",), True),
        ({"matches": ""}, (), None),
        ({"present": True}, ("CT",), True),
        ({"present": True}, (), False),
        ({"present": False}, (), True),
        ({"present": False}, ("CT",), False),
        ({"not": "CT"}, ("MR",), True),
        ({"not": "CT"}, ("CT",), False),
        ({"not": "CT"}, (), True),
        ({"not": ["CT", "MR"]}, ("PT",), True),
        ({"not": {"matches": "^C"}}, ("CT",), False),
        ({"not": {"present": True}}, (), True),
    ],
)
def test_a_text_meets_what_is_written(condition: object, values: Values, expected: bool | None) -> None:
    if expected is None:
        with pytest.raises(BadCondition, match="0 characters"):
            met("Modality", condition, *values)
    else:
        assert met("Modality", condition, *values) is expected


@pytest.mark.parametrize(
    ("condition", "values", "expected"),
    [
        (5, (5.0,), True),
        (0.625, (0.625,), True),
        ([4, 7], (7.0,), True),
        ({"from": 1, "to": 5.0}, (5.0,), True),
        ({"from": 1, "to": 5.0}, (1.0,), True),
        ({"from": 1, "to": 5.0}, (5.1,), False),
        ({"from": 1}, (900.0,), True),
        ({"to": 5}, (-1.0,), True),
        ({"to": 5}, (), False),
        ({"to": 5}, ("abc",), False),
        (5, ("5",), False),
        ({"not": {"from": 1}}, ("abc",), True),
    ],
)
def test_a_number_meets_what_is_written(condition: object, values: Values, expected: bool) -> None:
    assert met("SliceThickness", condition, *values) is expected


def test_one_of_several_values_is_enough_and_none_may_be_what_is_not_wanted() -> None:
    image_type = ("ORIGINAL", "PRIMARY", "AXIAL")
    assert met("ImageType", "AXIAL", *image_type)
    assert not met("ImageType", {"not": "PRIMARY"}, *image_type)
    assert met("ImageType", {"not": "LOCALIZER"}, *image_type)


@pytest.mark.parametrize(
    ("where", "below", "words"),
    [
        ({"SeriesDescrption": "x"}, "SeriesDescrption", "did you mean SeriesDescription?"),
        ({"PixelData": "x"}, "PixelData", "neither text nor numbers"),
        ({"ReferencedImageSequence": "x"}, "ReferencedImageSequence", "sequence"),
        ({"Modality": 3}, "Modality", "Modality is a text"),
        ({"Modality": ""}, "Modality", "Modality is a text"),
        ({"Modality": []}, "Modality", "the list is empty"),
        ({"Modality": ["CT", 3]}, "Modality[1]", "Modality is a text"),
        ({"SliceThickness": "5"}, "SliceThickness", "SliceThickness is a number"),
        ({"SliceThickness": True}, "SliceThickness", "given true"),
        ({"SliceThickness": float("nan")}, "SliceThickness", "SliceThickness is a number"),
        ({"SliceThickness": {"from": "1"}}, "SliceThickness.from", "given"),
        ({"SliceThickness": {"from": 5, "to": 1}}, "SliceThickness", "nothing lies from 5 to 1"),
        ({"SliceThickness": {"matches": "5"}}, "SliceThickness.matches", "holds numbers"),
        ({"Modality": {"from": 1}}, "Modality", "holds text"),
        ({"Modality": {}}, "Modality", "0 conditions"),
        ({"Modality": {"matches": "a", "present": True}}, "Modality", "2 conditions"),
        ({"Modality": {"equals": "CT"}}, "Modality", 'no condition "equals"'),
        ({"Modality": {"matches": "("}}, "Modality.matches", "missing )"),
        ({"Modality": {"matches": "(?=a)"}}, "Modality.matches", "(?="),
        ({"Modality": {"matches": "x" * 501}}, "Modality.matches", "501 characters"),
        ({"Modality": {"matches": "(((a{100}){100}){100})"}}, "Modality.matches", "repetition"),
        ({"Modality": {"present": "yes"}}, "Modality.present", "true or false"),
        ({"Modality": {"not": {"from": 1}}}, "Modality.not", "holds text"),
    ],
)
def test_a_wrong_condition_is_refused_by_place_and_reason(where: dict[str, object], below: str, words: str) -> None:
    with pytest.raises(BadCondition) as caught:
        parse_where(where)
    assert caught.value.below == below
    assert words in f"{caught.value.wrong} {caught.value.allowed}"


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(a|a)*b", "(.*.*.*.*)*x", "^(([a-z])+.)+[A-Z]([a-z])+$", "(a?){400}a{400}"]
)
@pytest.mark.parametrize("text", ["a" * 64, "a" * 63 + "!", "a" * LONGEST_TEXT])
def test_a_pattern_that_others_choke_on_is_answered_at_once(pattern: str, text: str) -> None:
    start = time.process_time()
    met("SeriesDescription", {"matches": pattern}, text)
    assert time.process_time() - start < 0.5


@given(pattern=st.text(max_size=60), text=st.text(max_size=200))
def test_a_pattern_is_refused_or_answered_whatever_it_is(pattern: str, text: str) -> None:
    problem = pattern_problem(pattern)
    assert problem.isprintable()
    if not problem:
        assert met("SeriesDescription", {"matches": pattern}, text) in (True, False)


_KEYS = st.sampled_from(["from", "to", "not", "present", "matches", "x"])
_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=6,
)


@given(_ANYTHING)
def test_whatever_stands_in_the_file_is_refused_or_asked(condition: object) -> None:
    for keyword in ("Modality", "SliceThickness"):
        try:
            parsed = parse_where({keyword: condition})[keyword]
        except BadCondition:
            continue
        assert parsed.met(("CT",)) in (True, False)
        assert str(parsed)
