"""The end to end benchmark: what it sends, and what it reads of the reports of everybody."""

from pathlib import Path

import pytest
import studies
from pydicom import dcmread
from pydicom.uid import CTImageStorage, SecondaryCaptureImageStorage
from reports import Arrival
from support.ct_factory import ct_series, write_series
from turns import _Reports

PROBABILITY = {"ConceptNameCodeSequence": [{"CodeValue": "122157", "CodeMeaning": "Probability"}]}


def arrival(study: str, images: int, at: float = 1.0, modality: str = "SR") -> Arrival:
    ct = {"ReferencedSOPClassUID": CTImageStorage}
    uids = [ct | {"ReferencedSOPInstanceUID": f"1.2.{number}"} for number in range(images)]
    uids.append({"ReferencedSOPClassUID": SecondaryCaptureImageStorage, "ReferencedSOPInstanceUID": "1.3"})  # a page
    evidence = [{"ReferencedSeriesSequence": [{"ReferencedSOPSequence": uids}]}]
    return Arrival(at, study, modality, {"CurrentRequestedProcedureEvidenceSequence": evidence})


def test_images_of_both_sequences_of_evidence_count_once() -> None:
    tags = arrival("A", 3).tags
    both = tags | {"PertinentOtherEvidenceSequence": tags["CurrentRequestedProcedureEvidenceSequence"]}
    assert Arrival(1.0, "A", "SR", both).images == 3


def test_the_first_probability_of_a_tree_is_the_score() -> None:
    number = {"ValueType": "NUM", "MeasuredValueSequence": [{"NumericValue": "0.25"}]} | PROBABILITY
    second = number | {"MeasuredValueSequence": [{"NumericValue": "0.5"}]}
    tree = {"ContentSequence": [{"ValueType": "CONTAINER", "ContentSequence": [number]}, second]}
    assert Arrival(1.0, "A", "SR", tree).score == 0.25


def test_a_score_in_words_is_read_too() -> None:
    words = {"ValueType": "TEXT", "TextValue": "0.125", "ConceptNameCodeSequence": [{"CodeMeaning": "Score"}]}
    assert Arrival(1.0, "A", "SR", {"ContentSequence": [words]}).score == 0.125


def test_a_report_without_a_score_is_an_error() -> None:
    with pytest.raises(ValueError, match="without a score"):
        _ = arrival("A", 1).score


def test_a_report_on_a_part_of_a_study_is_counted_and_does_not_end_the_wait() -> None:
    reports = _Reports({"A": 3, "B": 2})
    reports.take([arrival("A", 2, at=1.0), arrival("B", 2, at=2.0), arrival("B", 2, modality="OT")])
    assert not reports.complete
    reports.take([arrival("A", 3, at=5.0)])
    assert reports.complete
    assert reports.halves == 1
    assert [reports.of(study).at for study in "AB"] == [5.0, 2.0]


def test_studies_are_new_each_time_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = write_series(tmp_path, ct_series(3))
    monkeypatch.setattr(studies, "heads", lambda *_: (files, files))
    made = studies.Studies(tmp_path, 3, 16)
    seen: list[str] = []
    for _ in range(2):
        with made.fresh(2) as some:
            for one in some:
                images = [dcmread(path) for path in one.files]
                assert {(image.PatientID, image.StudyInstanceUID) for image in images} == {(one.patient, one.uid)}
                assert len({image.SeriesInstanceUID for image in images}) == 1
                assert all(image.SOPInstanceUID == image.file_meta.MediaStorageSOPInstanceUID for image in images)
                seen += [image.SOPInstanceUID for image in images]
        assert not some[0].files[0].exists()
    assert len(set(seen)) == 12
