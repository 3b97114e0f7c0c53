"""The pattern of a Series Description: what a site may write, and that nothing in it is evaluated."""

import re
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from hounsfield.daemon.config.descriptions import PLACEHOLDERS, fill_in, problem_of, reassuring
from hounsfield.daemon.config.destinations import Destination

VALUES = {
    "finding": "ICH",
    "verdict": "NOT FLAGGED",
    "score": "score 0.04",
    "reason": "",
    "bundle": "ich-demo 1.0.0",
}


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("AI {finding}: {verdict} {score} - not for diagnosis", "AI ICH: NOT FLAGGED score 0.04 - not for diagnosis"),
        ("{verdict} - {reason}", "NOT FLAGGED"),
        ("{{{verdict}}}", "{NOT FLAGGED}"),
        ("{bundle} {verdict}", "ich-demo 1.0.0 NOT FLAGGED"),
    ],
)
def test_placeholders_are_filled_in_and_nothing_is_left_over_around_empty_ones(pattern: str, text: str) -> None:
    assert problem_of(pattern) is None
    assert fill_in(pattern, VALUES) == text


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("AI result", "needs {verdict}"),
        ("{verdict} {verdict}", "once"),
        ("{verdict.__class__}", "placeholder"),
        ("{verdict[0]}", "placeholder"),
        ("{verdict!r}", "placeholder"),
        ("{verdict:>40}", "placeholder"),
        ("{verdict:{score}}", "placeholder"),
        ("{verdict} {}", "placeholder"),
        ("{verdict} {0}", "placeholder"),
        ("{verdict} {patient}", "placeholder"),
        ("{verdict} {", "braces"),
        ("{verdict}}", "braces"),
        ("{verdict} a\\b", "plain ASCII"),
        ("{verdict} a^b", "plain ASCII"),
        ("{verdict}\n", "plain ASCII"),
        ("{verdict} Befund für Ärzte", "plain ASCII"),
        ("{verdict} otherwise normal", "'normal'"),
        ("all Clear {verdict}", "'Clear'"),
        ("Unauffaellig? {verdict}", "'Unauff'"),
        ("{verdict} " + "x" * 50, "room"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_refused_with_the_reason(pattern: str, words: str) -> None:
    assert words in (problem_of(pattern) or "")


@given(
    st.lists(
        st.one_of(
            st.sampled_from([f"{{{name}}}" for name in PLACEHOLDERS]),
            st.text(alphabet=string.printable, max_size=8),
        ),
        max_size=6,
    ).map("".join)
)
@example("{verdict}")
def test_whatever_is_accepted_can_be_filled_in_and_shows_the_verdict(pattern: str) -> None:
    if problem_of(pattern) is None:
        filled = fill_in(pattern, VALUES)
        assert "NOT FLAGGED" in filled
        assert reassuring(filled) is None
        assert re.fullmatch(r"[ -~]*", filled)


def _destination(**changes: object) -> Destination:
    fields = {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": 104, **changes}
    return Destination.model_validate(fields)


def test_the_configuration_refuses_a_pattern_at_load() -> None:
    assert _destination(series_description="AI: {verdict}").series_description == "AI: {verdict}"
    with pytest.raises(ValidationError, match=r"needs \{verdict\}"):
        _destination(series_description="AI result")


def test_a_destination_gets_an_object_that_speaks_of_every_outcome() -> None:
    assert _destination(results=["sc", "ko", "pr"]).results == ("sc", "ko", "pr")
    with pytest.raises(ValidationError, match="flagged series only"):
        _destination(results=["ko", "pr"])
