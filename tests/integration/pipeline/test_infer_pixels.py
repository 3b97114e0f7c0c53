"""What the worker sees in the pixels, what a result is about, and where it goes."""

import errno
import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage, JPEGLSLossless
from support.bench import LOOPBACK_PACS, Bench, FixedPredictor, bundle_fields
from support.bundles import keras_archive
from support.ct_factory import ct_series, ct_slice, enhanced, head_hu, uid, write, write_series

from hounsfield.daemon.pipeline.evidence import open_snapshot
from hounsfield.daemon.pipeline.infer_stage import Served
from hounsfield.model.bundle import write_bundle
from hounsfield.model.decoding.decoder import Decoder
from hounsfield.model.identity import instance_identity, series_identity
from hounsfield.model.scratch import Scratch
from hounsfield.storage.errors import StorageError
from hounsfield.storage.records import InstanceRecord, JobRecord
from hounsfield.storage.states import JobKind, JobState, Outcome, Reason, SeriesState

RULE = {"name": "head", "where": {"Modality": "CT"}, "bundle": "tiny"}
NOT_HU = (head_hu().astype(np.int32) + 300).clip(-32768, 32767).astype(np.int16)


def configured(tmp_path: Path, *destinations: dict[str, object], **more: Any) -> Bench:
    return Bench(tmp_path / "home", destinations or (LOOPBACK_PACS,), more=more)


def receive(bench: Bench, folder: Path, series: Sequence[Dataset], syntax: str | None = None) -> list[Path]:
    files = write_series(folder, series, **({} if syntax is None else {"syntax": syntax}))
    bench.receive(files)
    bench.settle()
    return files


def implausible() -> list[Dataset]:
    return [ct_slice(NOT_HU, z=5.0 * k) for k in range(12)]


def results(bench: Bench) -> list[Dataset]:
    return [dcmread(path) for path in bench.app.files.folder.glob("*.dcm")]


def identities(bench: Bench, job: JobRecord) -> str:
    """The analysis identity of a finished job."""
    (result,) = bench.app.database.jobs.predecessors(job)
    return result.identity


@pytest.fixture
def decoders(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Decoder]]:
    """Every decoder that the test makes."""
    made: list[Decoder] = []
    real = Decoder.__init__

    def remember(self: Decoder, **options: Any) -> None:
        real(self, **options)
        made.append(self)

    monkeypatch.setattr(Decoder, "__init__", remember)
    yield made
    for one in made:
        one.close()


def test_values_that_are_no_hu_hold_the_series_and_their_scores_are_thrown_away(bench: Bench, tmp_path: Path) -> None:
    receive(bench, tmp_path, implausible())
    assert bench.worker(0.9).work_one()
    (series,), (job,) = bench.series(), bench.jobs()
    assert (series.state, series.reason) == (SeriesState.HELD, Reason.IMPLAUSIBLE_HU)
    assert (job.state, job.reason, job.score) == (JobState.CANCELLED, Reason.IMPLAUSIBLE_HU, None)
    assert any("HU" in remark for remark in series.remarks)
    assert results(bench) == []
    assert bench.jobs(JobKind.DELIVER) == []


def test_a_series_that_a_person_released_is_reported_as_not_analysed(bench: Bench, tmp_path: Path) -> None:
    receive(bench, tmp_path, implausible())
    bench.worker(0.9).work_one()
    assert bench.app.database.series.release(bench.series()[0].id, bench.clock.now(), by="radiology")
    bench.settle()
    assert bench.worker(0.9).work_one()
    job = bench.jobs()[0]
    assert (job.state, job.outcome, job.reason) == (JobState.COMPLETED, Outcome.NOT_ANALYSED, Reason.IMPLAUSIBLE_HU)
    assert bench.series()[0].state is SeriesState.CLOSED
    assert len(bench.jobs(JobKind.DELIVER)) == 1


def test_a_site_may_have_values_that_are_no_hu_reported_at_once(tmp_path: Path) -> None:
    bench = configured(tmp_path, assembly={"implausible_hu": "report"})
    receive(bench, tmp_path / "files", implausible())
    bench.worker(0.9).work_one()
    (job,) = bench.jobs()
    assert (job.outcome, job.reason, job.score) == (Outcome.NOT_ANALYSED, Reason.IMPLAUSIBLE_HU, None)


def test_a_phantom_that_only_its_pixels_show_is_held_as_one(bench: Bench, tmp_path: Path) -> None:
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    water = np.where(np.hypot(x, y) < 0.8, 0, -1000).astype(np.int16)
    receive(bench, tmp_path, [ct_slice(water, z=5.0 * k) for k in range(12)])
    bench.worker(0.9).work_one()
    assert (bench.series()[0].state, bench.series()[0].reason) == (SeriesState.HELD, Reason.PHANTOM)


def test_a_new_image_during_the_hold_is_not_overlooked(bench: Bench, tmp_path: Path) -> None:
    receive(bench, tmp_path, implausible())

    def another_comes() -> float:
        bench.receive([write(ct_slice(NOT_HU, z=60.0), tmp_path / "late.dcm")])
        return 0.9

    bench.worker(another_comes).work_one()
    (job,) = bench.jobs()
    assert (job.outcome, job.reason) == (Outcome.NOT_ANALYSED, Reason.IMPLAUSIBLE_HU)
    bench.settle()
    bench.worker(0.9).work_one()
    assert (bench.series()[0].state, bench.series()[0].revision) == (SeriesState.HELD, 2)


@pytest.mark.parametrize("syntax", [None, JPEGLSLossless])
def test_the_identity_hashed_while_decoding_is_that_of_the_files(
    bench: Bench, tmp_path: Path, syntax: str | None
) -> None:
    files = receive(bench, tmp_path, ct_series(12), syntax)
    bench.worker(0.9).work_one()
    (job,) = bench.jobs()
    assert identities(bench, job) == series_identity(instance_identity(path).identity for path in files)


def test_a_series_that_is_refused_before_decoding_has_the_same_identity(bench: Bench, tmp_path: Path) -> None:
    files = receive(bench, tmp_path, ct_series(12, SliceThickness="20"), JPEGLSLossless)
    bench.worker(0.9).work_one()
    (job,) = bench.jobs()
    assert job.outcome is Outcome.NOT_ANALYSED
    assert identities(bench, job) == series_identity(instance_identity(path).identity for path in files)


def test_a_decoder_that_dies_of_a_series_is_reported_and_the_next_one_is_analysed(
    bench: Bench, tmp_path: Path, decoders: list[Decoder]
) -> None:
    receive(bench, tmp_path / "deadly", ct_series(12, name="deadly"), JPEGLSLossless)
    worker = bench.worker(0.9)
    (decoder,) = decoders
    decoder.start()
    real = Decoder.decode

    def deadly(self: Decoder, *arguments: Any) -> Any:
        assert self._child is not None
        self._child._greet()
        os.kill(self._child.pid, signal.SIGSTOP)
        decoding = real(self, *arguments)
        os.kill(self._child.pid, signal.SIGKILL)
        return decoding

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Decoder, "decode", deadly)
        assert worker.work_one()
    receive(bench, tmp_path / "next", ct_series(12, name="next"), JPEGLSLossless)
    assert worker.work_one()
    found = {job.series_uid: (job.outcome, job.reason) for job in bench.jobs()}
    assert found == {
        uid("series deadly"): (Outcome.NOT_ANALYSED, Reason.UNREADABLE_PIXELS),
        uid("series next"): (Outcome.POSITIVE, None),
    }


def test_a_scratch_disk_that_is_full_counts_no_attempt(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive(bench, tmp_path, ct_series(12))
    worker = bench.worker(0.9)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("hounsfield.model.scratch.write_at", full)
        with pytest.raises(StorageError, match="no space"):
            worker.work_one()
    (job,) = bench.jobs()
    assert (job.state, job.attempts) == (JobState.AVAILABLE, 0)
    assert worker.work_one()
    assert bench.jobs()[0].outcome is Outcome.POSITIVE


def test_nothing_of_the_pixels_is_left_on_disk(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[Scratch] = []
    real = Scratch.close

    def remember(self: Scratch) -> None:
        real(self)
        closed.append(self)

    monkeypatch.setattr(Scratch, "close", remember)
    receive(bench, tmp_path, ct_series(12))
    bench.worker(0.9).work_one()
    assert len(closed) == 1
    assert list((bench.app.home / "scratch").iterdir()) == []


def two_kernels() -> list[Dataset]:
    soft = ct_series(12, name="a", ConvolutionKernel="H30s")
    hard = [ct_slice(z=5.0 * k, name="b", ConvolutionKernel="H60s") for k in range(12)]
    for one in hard:
        one.StudyInstanceUID, one.SeriesInstanceUID = soft[0].StudyInstanceUID, soft[0].SeriesInstanceUID
        one.FrameOfReferenceUID = soft[0].FrameOfReferenceUID
    return soft + hard


def test_a_result_speaks_only_of_the_images_of_its_reconstruction(tmp_path: Path) -> None:
    bench = configured(tmp_path, rule=[{**RULE, "per_study": "all"}])
    series = two_kernels()
    receive(bench, tmp_path / "files", series)
    worker = bench.worker(0.9)
    assert [worker.work_one() for _ in range(3)] == [True, True, False]
    reports = [one for one in results(bench) if one.Modality == "SR"]
    named = []
    for report in reports:
        (study,) = report.CurrentRequestedProcedureEvidenceSequence
        (images,) = (s for s in study.ReferencedSeriesSequence if s.SeriesInstanceUID == series[0].SeriesInstanceUID)
        named.append({item.ReferencedSOPInstanceUID for item in images.ReferencedSOPSequence})
    assert sorted(named, key=min) == sorted(
        ({one.SOPInstanceUID for one in group} for group in (series[:12], series[12:])), key=min
    )
    assert len({identities(bench, job) for job in bench.jobs()}) == 2


def test_a_reconstruction_that_is_not_found_any_more_is_not_analysed(tmp_path: Path) -> None:
    bench = configured(tmp_path, rule=[{**RULE, "per_study": "all"}])
    receive(bench, tmp_path / "files", two_kernels())
    jobs = bench.app.database.jobs
    claim = jobs.claim([JobKind.INFER], "w", bench.keeper().lease, bench.clock.now())
    assert claim is not None
    lost = replace(claim.job, part="0" * 64)
    snapshot = open_snapshot(bench.app.database.series, bench.app.spool, lost)
    assert snapshot.ambiguous
    worker = bench.worker(0.9)
    bundle = bench.app.shelf.bundles[0]
    worker._stage.run(replace(claim, job=lost), Served(bundle, FixedPredictor(0.9)))
    job = jobs.get(claim.job.id)
    assert job is not None
    assert (job.outcome, job.reason) == (Outcome.NOT_ANALYSED, Reason.AMBIGUOUS_GEOMETRY)


def with_scope(tmp_path: Path, **scope: object) -> Bench:
    """A bench whose bundle says more about its scope."""
    made = configured(tmp_path)
    made.app.database.close()
    fields = bundle_fields()
    fields["scope"].update(scope)
    write_bundle(made.home.with_name("bundle"), fields, {"model.keras": keras_archive()})
    return configured(tmp_path)


def test_an_enhanced_ct_is_analysed_frame_by_frame(tmp_path: Path) -> None:
    bench = with_scope(tmp_path, sop_classes=[CTImageStorage, EnhancedCTImageStorage])
    receive(bench, tmp_path / "files", [enhanced(ct_series(12))])
    bench.worker(0.9).work_one()
    (job,) = bench.jobs()
    assert job.outcome is Outcome.POSITIVE
    assert identities(bench, job) == series_identity(
        [instance_identity(bench.app.spool.path(one.digest)).identity for one in _instances(bench)]
    )
    (result,) = bench.app.database.jobs.predecessors(job)
    assert len(result.detail["slice_scores"]) == 12


@pytest.mark.parametrize("tilted", [False, True])
def test_a_model_that_asks_for_it_sees_regular_straight_slices_and_every_image_gets_a_score(
    tmp_path: Path, tilted: bool
) -> None:
    bench = with_scope(tmp_path, tilt="resample", irregular_spacing="resample")
    heights = [0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 37.0, 44.0, 51.0, 58.0, 65.0, 70.0]
    series = [ct_slice(z=z, ImagePositionPatient=[-120.0, -120.0 + (0.3 * z if tilted else 0.0), z]) for z in heights]
    receive(bench, tmp_path / "files", series)
    bench.worker(0.9).work_one()
    (job,) = bench.jobs()
    assert (job.outcome, job.reason) == (Outcome.POSITIVE, None)
    (result,) = bench.app.database.jobs.predecessors(job)
    assert result.detail["slice_scores"] == pytest.approx([0.9] * 13)
    remarks = str(result.detail["remarks"])
    assert "resampled to regular steps of 5.0 mm" in remarks
    assert ("lie straight above each other" in remarks) is tilted


def _instances(bench: Bench) -> list[InstanceRecord]:
    return list(bench.app.database.series.instances(bench.series()[0].id))


def test_a_rule_in_shadow_keeps_the_result_and_sends_nothing(tmp_path: Path) -> None:
    bench = configured(tmp_path, rule=[{**RULE, "shadow": True}])
    receive(bench, tmp_path / "files", ct_series(12))
    bench.worker(0.9).work_one()
    (job,) = bench.jobs()
    assert (job.outcome, job.score) == (Outcome.POSITIVE, pytest.approx(0.9, abs=1e-6))
    assert {one.Modality for one in results(bench)} == {"SR", "OT"}
    assert bench.jobs(JobKind.DELIVER) == []
    assert any(event.reason is Reason.SHADOW for event in bench.app.database.jobs.events(job_id=job.id))


def test_results_go_where_their_rule_says_with_its_priority(tmp_path: Path) -> None:
    others = [{**LOOPBACK_PACS, "name": name} for name in ("archive", "viewer")]
    rule = {**RULE, "destinations": ["viewer"], "priority": "stat"}
    bench = configured(tmp_path, LOOPBACK_PACS, *others, rule=[rule])
    receive(bench, tmp_path / "files", ct_series(12))
    bench.worker(0.9).work_one()
    (job,), (delivery,) = bench.jobs(), bench.jobs(JobKind.DELIVER)
    assert delivery.destination == "viewer"
    assert delivery.priority == job.priority > 0


@pytest.mark.parametrize("shadow", [True, False])
def test_a_job_that_is_given_up_sends_its_report_where_its_rule_says(tmp_path: Path, shadow: bool) -> None:
    others = [{**LOOPBACK_PACS, "name": "viewer"}]
    rule = {**RULE, "destinations": ["viewer"], "priority": "stat", "shadow": shadow}
    bench = configured(tmp_path, LOOPBACK_PACS, *others, rule=[rule])
    receive(bench, tmp_path / "files", ct_series(12))
    bench.worker(0.5, known=False).work_one()
    assert bench.jobs()[0].outcome is Outcome.NOT_ANALYSED
    sent = [(job.destination, job.priority > 0) for job in bench.jobs(JobKind.DELIVER)]
    assert sent == ([] if shadow else [("viewer", True)])
