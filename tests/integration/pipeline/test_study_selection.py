"""One study, several series: which of them is analysed, when, and what the others become."""

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset
from support.bench import Bench
from support.ct_factory import ct_series, uid, write_series

from hounsfield.storage.records import SeriesRecord
from hounsfield.storage.states import JobKind, Outcome, Reason, SeriesState

RULE = {"name": "head", "where": {"Modality": "CT"}, "bundle": "tiny"}


@pytest.fixture
def study(tmp_path: Path) -> Iterator["Head"]:
    made = Head(tmp_path)
    yield made
    made.close()


class Head:
    """A head CT of one patient with any number of reconstructions."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.bench = Bench(folder / "home")

    def configure(self, *rules: dict[str, Any], **assembly: object) -> None:
        """Start again with rules."""
        self.close()
        self.bench = Bench(self._folder / "home", more={"rule": list(rules), "assembly": assembly})

    def close(self) -> None:
        self.bench.app.database.close()

    def files(self, name: str, count: int = 12, **attributes: object) -> list[Path]:
        attributes = {"StudyInstanceUID": uid("the study"), **attributes}
        return write_series(self._folder / name, self.series(name, count, **attributes))

    @staticmethod
    def series(name: str, count: int, **attributes: object) -> list[Dataset]:
        return ct_series(count, name=name, **attributes)

    def receive(self, name: str, count: int = 12, **attributes: object) -> None:
        self.bench.receive(self.files(name, count, **attributes))

    def settle(self, seconds: float = 11.0, ticks: int = 4) -> None:
        self.bench.clock.advance(seconds)
        for _ in range(ticks):
            self.bench.assembler.tick()
            self.bench.clock.advance(1)

    def of(self, name: str) -> SeriesRecord:
        record = self.bench.app.database.series.find(uid(f"series {name}"))
        assert record is not None
        return record

    def fate(self, name: str) -> tuple[SeriesState, Reason | None]:
        return self.of(name).state, self.of(name).reason

    def analysed(self) -> list[str]:
        return [job.series_uid for job in self.bench.jobs()]


def test_of_four_reconstructions_the_one_with_the_most_coverage_is_analysed(study: Head) -> None:
    for name, count in (("a", 12), ("b", 20), ("c", 14), ("d", 9)):
        study.receive(name, count)
    study.settle()
    assert study.fate("b") == (SeriesState.CLOSED, None)
    assert {study.fate(name) for name in "acd"} == {(SeriesState.SKIPPED, Reason.ANOTHER_SERIES)}
    assert study.analysed() == [uid("series b")]


def test_with_per_study_all_every_reconstruction_is_analysed(study: Head) -> None:
    study.configure({**RULE, "per_study": "all"})
    for name, count in (("a", 12), ("b", 20)):
        study.receive(name, count)
    study.settle()
    assert sorted(study.analysed()) == sorted([uid("series a"), uid("series b")])


def test_a_reconstruction_that_still_comes_is_waited_for(study: Head) -> None:
    study.receive("a", 12)
    study.settle(9, ticks=1)
    files = study.files("b", 20)
    study.bench.receive(files[:10])
    study.settle(3, ticks=1)
    assert study.of("a").state is SeriesState.RECEIVING
    study.bench.receive(files[10:])
    study.settle()
    assert study.analysed() == [uid("series b")]
    assert study.fate("a") == (SeriesState.SKIPPED, Reason.ANOTHER_SERIES)


def test_a_reconstruction_that_never_ends_is_not_waited_for_for_ever(study: Head) -> None:
    study.receive("a", 12)
    files = study.files("b", 40)
    for file in files[:35]:
        study.bench.receive([file])
        study.settle(1, ticks=1)
        study.bench.clock.advance(1)
    assert uid("series a") in study.analysed()


def test_a_better_series_that_comes_later_is_analysed_and_names_the_first_result(study: Head) -> None:
    study.receive("a", 12)
    study.settle()
    assert study.bench.worker(0.1).work_one()
    study.receive("b", 20)
    study.settle()
    assert study.fate("a") == (SeriesState.CLOSED, None)
    assert study.analysed() == [uid("series a"), uid("series b")]
    assert study.bench.worker(0.9).work_one()
    first, second = study.bench.jobs()
    assert first.subject == second.subject
    assert second.outcome is Outcome.POSITIVE
    earlier = study.bench.app.database.jobs.predecessors(second)
    assert [one.job_id for one in earlier] == [second.id, first.id]


def test_a_worse_series_that_comes_later_makes_no_second_result(study: Head) -> None:
    study.receive("a", 12)
    study.settle()
    study.bench.worker(0.1).work_one()
    study.receive("b", 9)
    study.settle()
    assert study.fate("b") == (SeriesState.SKIPPED, Reason.ANOTHER_SERIES)
    assert len(study.bench.jobs()) == 1


def test_the_next_best_series_is_analysed_where_the_best_one_is_held(study: Head) -> None:
    mixed = ct_series(20, name="b", StudyInstanceUID=uid("the study"))
    mixed[3].PatientID = "T-2"
    study.bench.receive(write_series(Path(study._folder / "b"), mixed))
    study.receive("a", 12)
    study.settle()
    assert study.fate("b") == (SeriesState.HELD, Reason.TWO_PATIENTS)
    assert study.analysed() == [uid("series a")]


def test_a_complete_series_is_preferred_to_a_larger_one_with_a_gap(study: Head) -> None:
    files = study.files("b", 20)
    study.bench.receive(files[:7] + files[8:])
    study.receive("a", 12)
    study.settle()
    assert study.analysed() == [uid("series a")]
    study.settle(120)
    assert study.fate("b") == (SeriesState.SKIPPED, Reason.ANOTHER_SERIES)


def test_two_patients_under_one_study_are_never_compared(study: Head) -> None:
    study.receive("a", 12)
    study.receive("b", 20, PatientID="T-2")
    study.settle()
    assert sorted(study.analysed()) == sorted([uid("series a"), uid("series b")])
    one, other = study.bench.jobs()
    assert one.subject != other.subject


def test_series_of_different_rules_do_not_compete(study: Head) -> None:
    bone = {"name": "bone", "where": {"ConvolutionKernel": "B"}, "bundle": "tiny"}
    study.configure(bone, RULE)
    study.receive("a", 12, ConvolutionKernel="B")
    study.receive("b", 20, ConvolutionKernel="S")
    study.settle()
    assert len(study.analysed()) == 2
    assert (study.of("a").rule, study.of("b").rule) == ("bone", "head")


def test_a_series_waits_for_the_other_series_that_its_rule_requires(study: Head) -> None:
    study.configure({**RULE, "requires": [{"SeriesDescription": {"matches": "(?i)thin"}}], "force_seconds": 300})
    study.receive("a", 20)
    study.settle(30)
    assert study.of("a").state is SeriesState.RECEIVING
    study.receive("b", 9, SeriesDescription="Head thin")
    study.settle()
    assert study.fate("a") == (SeriesState.CLOSED, None)


def test_required_series_that_do_not_come_make_the_series_suspect_after_their_time(study: Head) -> None:
    study.configure({**RULE, "requires": [{"SeriesDescription": {"matches": "(?i)thin"}}], "force_seconds": 300})
    study.receive("a", 20)
    study.settle(301)
    assert study.fate("a") == (SeriesState.CLOSED, Reason.REQUIRED_MISSING)
    (job,) = study.bench.jobs()
    assert job.verdict is not None
    assert job.verdict.reasons == (Reason.REQUIRED_MISSING,)


def test_the_place_of_a_series_that_could_not_be_analysed_goes_to_a_later_one(study: Head) -> None:
    study.receive("b", 20, RescaleSlope="0")
    study.settle()
    study.bench.worker(0.1).work_one()
    study.receive("a", 12)
    study.settle()
    assert study.analysed() == [uid("series b"), uid("series a")]
    study.bench.worker(0.1).work_one()
    assert [job.outcome for job in study.bench.jobs(JobKind.INFER)] == [Outcome.NOT_ANALYSED, Outcome.NEGATIVE]


def test_the_next_best_series_is_analysed_after_all_when_the_best_one_could_not_be(study: Head) -> None:
    study.receive("a", 12)
    study.receive("b", 20, PixelData=bytes(100))
    study.receive("c", 9)
    study.settle()
    assert study.analysed() == [uid("series b")]
    study.bench.worker(0.9).work_one()
    study.settle(20)
    assert study.fate("a") == (SeriesState.CLOSED, None)
    assert study.fate("c") == (SeriesState.SKIPPED, Reason.ANOTHER_SERIES)
    study.bench.worker(0.9).work_one()
    study.settle(60)
    assert [job.outcome for job in study.bench.jobs()] == [Outcome.NOT_ANALYSED, Outcome.POSITIVE]
    assert {study.fate(name)[0] for name in "abc"} == {SeriesState.CLOSED, SeriesState.SKIPPED}


def test_a_series_that_was_passed_over_waits_until_the_analysis_of_the_better_one_has_ended(study: Head) -> None:
    study.receive("a", 12)
    study.receive("b", 20)
    study.settle(60, ticks=20)
    assert study.fate("a") == (SeriesState.SKIPPED, Reason.ANOTHER_SERIES)
    study.bench.worker(0.9).work_one()
    study.settle(60, ticks=20)
    assert study.fate("a") == (SeriesState.SKIPPED, Reason.ANOTHER_SERIES)
    assert len(study.analysed()) == 1


def test_four_series_that_no_model_takes_make_one_report_and_no_more(study: Head) -> None:
    for name, count in (("a", 12), ("b", 20), ("c", 14), ("d", 9)):
        study.receive(name, count, ContrastBolusAgent="IOMERON")
    study.settle()
    study.bench.worker(0.9).work_one()
    for _ in range(5):
        study.settle(20)
        study.bench.worker(0.9).work_one()
    assert [(job.series_uid, job.outcome) for job in study.bench.jobs()] == [(uid("series b"), Outcome.NOT_ANALYSED)]
    assert {study.fate(name) for name in "acd"} == {(SeriesState.SKIPPED, Reason.ANOTHER_SERIES)}
    events = study.bench.app.database.jobs.events(series_uid=uid("series a"))
    assert sum("because" in event.detail for event in events) <= 1, "one failure gives one more chance"


def test_a_model_that_fails_is_not_asked_about_the_other_series_of_the_study(study: Head) -> None:
    def fail() -> float:
        raise RuntimeError("the model is broken")

    study.receive("a", 12)
    study.receive("b", 20)
    study.settle()
    for _ in range(6):
        study.bench.worker(fail).work_one()
        study.settle(60)
    assert study.analysed() == [uid("series b")]
    assert study.fate("a") == (SeriesState.SKIPPED, Reason.ANOTHER_SERIES)


def test_the_same_picture_may_come_twice_in_each_of_two_reconstructions(study: Head) -> None:
    study.configure({**RULE, "per_study": "all"})
    images = []
    for kernel in ("S", "B"):
        one = ct_series(12, name=kernel, ConvolutionKernel=kernel, StudyInstanceUID=uid("the study"))
        for image in one:
            image.SeriesInstanceUID = uid("series both")
        twin = deepcopy(one[3])
        twin.SOPInstanceUID = uid(f"twin {kernel}")
        images += [*one, twin]
    study.bench.receive(write_series(study._folder / "both", images))
    study.settle()
    assert study.fate("both") == (SeriesState.CLOSED, None)
    assert len(study.bench.jobs()) == 2
