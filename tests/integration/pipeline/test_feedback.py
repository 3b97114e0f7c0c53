"""A reader's document comes back through our SCP and is linked to the result it speaks of, once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.readers_documents import (
    BASIC_TEXT_SR,
    EXPIRED,
    KEY_OBJECTS,
    OF_INTEREST,
    REJECTED_QUALITY,
    REJECTED_SAFETY,
    WRONG_WORKLIST,
    document,
    text_item,
)
from support.site import Site, site

from hounsfield.daemon.product import MANUFACTURER
from hounsfield.storage.feedback import Opinion
from hounsfield.storage.states import Reason, SeriesState

SETTINGS = {"agree": ["113000,DCM", "AI-OK,99SITE"], "disagree": ["113001,DCM", "AI-NO,99SITE"]}
OTHER_IMAGE = "1.2.826.0.1.3680043.8.498.55"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("site"), feedback=SETTINGS) as made:
        yield made


@pytest.fixture
def here(made: Site) -> Site:
    made.begin()
    return made


def uid_of(here: Site, role: str = "sr") -> str:
    return str(here.result(role).SOPInstanceUID)


def opinions(here: Site) -> list[tuple[str, Opinion, str]]:
    return [(one.about_uid, one.opinion, one.title) for one in here.feedback()]


def test_documents_about_our_report_are_linked_to_its_job_as_their_titles_say(here: Site) -> None:
    report = uid_of(here)
    cases = [
        (KEY_OBJECTS, OF_INTEREST, "DCM", Opinion.AGREE),
        (KEY_OBJECTS, REJECTED_QUALITY, "DCM", Opinion.DISAGREE),
        (KEY_OBJECTS, REJECTED_SAFETY, "DCM", Opinion.DISAGREE),
        (BASIC_TEXT_SR, "AI-OK", "99SITE", Opinion.AGREE),
        (BASIC_TEXT_SR, "AI-NO", "99SITE", Opinion.DISAGREE),
    ]
    here.send(
        (document(title, [report], scheme=scheme, sop_class=sop_class) for sop_class, title, scheme, _ in cases),
        calling="READING1",
    )
    said = here.feedback()
    assert sorted((one.title, one.opinion) for one in said) == sorted(
        (f"{title},{scheme}", opinion) for _, title, scheme, opinion in cases
    )
    assert {(one.about_uid, one.job_id, one.calling_ae) for one in said} == {(report, here.jobs()[0].id, "READING1")}
    assert {(one.state, one.reason) for one in here.others()} == {(SeriesState.SKIPPED, Reason.NOT_AN_IMAGE)}


def test_documents_of_other_titles_say_nothing(here: Site) -> None:
    cases = [
        (KEY_OBJECTS, "113005", "DCM"),
        (KEY_OBJECTS, WRONG_WORKLIST, "DCM"),
        (KEY_OBJECTS, EXPIRED, "DCM"),
        (KEY_OBJECTS, OF_INTEREST, "99SITE"),
        (BASIC_TEXT_SR, "18782-3", "LN"),
        (BASIC_TEXT_SR, REJECTED_SAFETY, "DCM"),
    ]
    report = uid_of(here)
    here.send(document(title, [report], scheme=scheme, sop_class=sop_class) for sop_class, title, scheme in cases)
    assert here.feedback() == []
    assert [series.state for series in here.others()] == [SeriesState.SKIPPED] * len(cases)


def test_a_document_that_names_several_objects_of_a_result_is_one_opinion(here: Site) -> None:
    here.send([document(OF_INTEREST, [uid_of(here, "sc"), uid_of(here), *here.image_uids()])])
    (said,) = here.feedback()
    assert said.about_uid in {uid_of(here), uid_of(here, "sc")}


def test_received_twice_as_variant_or_copy_it_counts_once(here: Site) -> None:
    note = document(REJECTED_SAFETY, [uid_of(here)])
    for description in ("", "", "coerced by the archive"):
        note.StudyDescription = description
        here.send([note])
    assert len(here.feedback()) == 1
    (row,) = [row for row in here.bench.app.database.feedback.tally() if row.disagreed]
    assert (row.results, row.agreed, row.disagreed) == (1, 0, 1)


def test_a_second_document_in_a_series_that_was_decided_on_counts_too(here: Site) -> None:
    first = document(OF_INTEREST, [uid_of(here)])
    here.send([first])
    here.send([document(REJECTED_SAFETY, [uid_of(here)], series=str(first.SeriesInstanceUID))])
    assert [one.opinion for one in here.feedback()] == [Opinion.AGREE, Opinion.DISAGREE]
    (row,) = here.bench.app.database.feedback.tally()
    assert (row.agreed, row.disagreed) == (0, 1), "what was said last counts"


def test_key_objects_that_name_only_images_of_an_analysed_series_are_about_its_result(here: Site) -> None:
    here.send([document(REJECTED_QUALITY, here.image_uids()[3:5])])
    (said,) = here.feedback()
    assert (said.job_id, said.opinion) == (here.jobs()[0].id, Opinion.DISAGREE)
    assert said.about_uid in {str(one.SOPInstanceUID) for one in here.results()}


def test_reports_and_notes_about_images_that_the_site_did_not_name_say_nothing_of_a_result(here: Site) -> None:
    images = here.image_uids()
    cases = [(BASIC_TEXT_SR, OF_INTEREST), (KEY_OBJECTS, WRONG_WORKLIST), (KEY_OBJECTS, EXPIRED)]
    here.send(document(title, images, sop_class=sop_class) for sop_class, title in cases)
    assert len(here.others()) == len(cases)
    assert here.feedback() == []


def test_key_objects_of_other_images_say_nothing(here: Site) -> None:
    here.send([document(OF_INTEREST, [OTHER_IMAGE]), document(OF_INTEREST, [])])
    assert here.feedback() == []


def test_a_readers_report_that_quotes_ours_is_feedback(here: Site) -> None:
    quoted = text_item("measurements of the AI")
    quoted.ContentSequence = [text_item(MANUFACTURER)]
    here.send([document("AI-OK", [uid_of(here)], scheme="99SITE", sop_class=BASIC_TEXT_SR, content=[quoted])])
    assert [opinion for _, opinion, _ in opinions(here)] == [Opinion.AGREE]


def test_what_was_recorded_before_a_crash_is_not_recorded_again(here: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    store = here.bench.app.database.series
    with monkeypatch.context() as patched:
        patched.setattr(store, "skip", lambda *_, **__: False)
        here.send([document(OF_INTEREST, [uid_of(here)])])
        assert len(here.feedback()) == 1
        assert [series.state for series in here.others()] == [SeriesState.RECEIVING]
    here.settle()
    assert [series.state for series in here.others()] == [SeriesState.SKIPPED]
    assert len(here.feedback()) == 1


def test_feedback_holds_no_patient_data(here: Site) -> None:
    here.send([document(OF_INTEREST, [uid_of(here)])])
    kept = repr(here.feedback())
    assert "Doe" not in kept
    assert "P-1" not in kept


def test_where_no_title_is_configured_only_rejections_of_results_count(tmp_path: Path) -> None:
    with site(tmp_path, feedback={"agree": [], "disagree": []}) as here:
        here.send([document(OF_INTEREST, [uid_of(here)]), document(REJECTED_SAFETY, here.image_uids())])
        assert here.feedback() == []
        here.send([document(REJECTED_SAFETY, [uid_of(here)])])
        assert [opinion for _, opinion, _ in opinions(here)] == [Opinion.DISAGREE]
