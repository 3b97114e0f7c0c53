"""Results in another language say the same, in words of their own."""

import dataclasses
import io
import re
import string

import pytest
from pydicom import Dataset, dcmread
from support.reports import BANNER, facts, request, texts

from hounsfield.daemon.config.destinations import Language
from hounsfield.daemon.results.languages import WORDS
from hounsfield.daemon.results.profile import Profile
from hounsfield.daemon.results.registry import build
from hounsfield.daemon.results.words import comment, series_description, summary
from hounsfield.storage.states import REASON_WORDS, Outcome, Reason

GERMAN = Profile(language="de")
REASSURING = re.compile(r"absent|negativ|normal|\bclear|unauff|ausgeschlossen|(kein|ohne) befund|gesund", re.IGNORECASE)


def german(outcome: Outcome, **changes: object) -> Dataset:
    wanted = request(outcome, profile=GERMAN, words=WORDS["de"].reason(_reason(outcome)), **changes)
    return dcmread(io.BytesIO(build(wanted, ("sr",))[0].content))


def _reason(outcome: Outcome) -> Reason | None:
    return Reason.INCOMPLETE if outcome is Outcome.NOT_ANALYSED else None


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome.POSITIVE, "KI ICH: MARKIERT Score 0.93 - nicht zur Diagnose"),
        (Outcome.NEGATIVE, "KI ICH: NICHT MARKIERT Score 0.04 - schliesst ICH nicht aus"),
        (Outcome.NOT_ANALYSED, "KI ICH: NICHT ANALYSIERT - Schichten fehlen"),
    ],
)
def test_the_series_description_is_german(outcome: Outcome, words: str) -> None:
    assert german(outcome).SeriesDescription == words


def test_a_calibrated_bundle_has_room_for_its_words_in_german() -> None:
    wanted = request(Outcome.NEGATIVE, profile=GERMAN, bundle=facts(calibrated=True))
    assert series_description(wanted) == "KI ICH: NICHT MARKIERT Wahrsch. 0.04 - schliesst ICH nicht aus"
    assert "Wahrscheinlichkeit 0.04" in summary(wanted)


@pytest.mark.parametrize("language", list(WORDS))
@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_fits_into_a_series_description(reason: Reason, language: Language) -> None:
    words = WORDS[language]
    wanted = request(
        Outcome.NOT_ANALYSED, reason=reason, words=words.reason(reason), profile=Profile(language=language)
    )
    text = series_description(wanted)
    assert text.endswith(words.reason(reason))
    assert len(text) <= 64


@pytest.mark.parametrize("language", list(WORDS))
def test_every_reason_has_words_in_every_language(language: Language) -> None:
    assert set(WORDS[language].reasons) == set(REASON_WORDS)


def test_the_languages_say_different_things_but_leave_the_same_places_open() -> None:
    for group in (WORDS, {language: words.labels for language, words in WORDS.items()}):
        english, other = group["en"], group["de"]
        for one in dataclasses.fields(english):  # type: ignore[type-var]
            first, second = getattr(english, one.name), getattr(other, one.name)
            if isinstance(first, str):
                assert _places(first) == _places(second), one.name
                assert second.isascii(), one.name
                assert not REASSURING.search(f"{first} {second}"), one.name


def _places(text: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(text)} - {None}


def test_the_root_names_the_language_and_english_remarks_stand_apart_with_theirs() -> None:
    document = german(Outcome.POSITIVE)
    assert document.ContentSequence[0].ConceptCodeSequence[0].CodeValue == "de-DE"
    (own, remarks) = document.ContentSequence[-1].ContentSequence[-2:]
    assert own.TextValue.startswith("Vollstaendigkeit der Serie: COMPLETE.")
    assert "Gantry" not in own.TextValue
    assert "ContentSequence" not in own
    assert remarks.TextValue.startswith("No gap between the slices. Gantry tilt")
    (language,) = remarks.ContentSequence
    assert (language.RelationshipType, language.ConceptNameCodeSequence[0].CodeValue) == ("HAS CONCEPT MOD", "121049")
    assert language.ConceptCodeSequence[0].CodeValue == "en-US"


def test_an_english_report_has_one_comment_with_its_remarks() -> None:
    document = dcmread(io.BytesIO(build(request(), ("sr",))[0].content))
    *_, summary_item, comment_item = document.ContentSequence[-1].ContentSequence
    assert summary_item.ConceptNameCodeSequence[0].CodeValue == "121111"
    assert "Gantry tilt" in comment_item.TextValue
    assert "ContentSequence" not in comment_item


def test_code_meanings_stay_as_the_standard_has_them() -> None:
    english = dcmread(io.BytesIO(build(request(), ("sr",))[0].content))
    names = [item.ConceptNameCodeSequence[0].CodeMeaning for item in english.ContentSequence]
    assert [item.ConceptNameCodeSequence[0].CodeMeaning for item in german(Outcome.POSITIVE).ContentSequence] == names


@pytest.mark.parametrize("outcome", list(Outcome))
def test_german_results_deny_nothing_and_keep_the_words_of_the_bundle(outcome: Outcome) -> None:
    document = german(outcome)
    said = texts(document)
    assert [text for text in said if REASSURING.search(text)] == []
    wanted = request(outcome, profile=GERMAN)
    assert BANNER in summary(wanted)
    assert "nicht zur Diagnose" in comment(wanted)
    assert "Nicht zur Diagnose." in summary(wanted)
    assert "nicht fuer den klinischen Einsatz" in summary(request(profile=GERMAN, bundle=facts(banner="")))


def test_the_pages_and_the_sentences_call_the_assistant_alike() -> None:
    for outcome in Outcome:
        wanted = request(outcome, profile=GERMAN)
        assert summary(wanted).startswith(f"{WORDS['de'].labels.assistant} ICH: ")
        assert series_description(wanted).startswith("KI ICH: ")
