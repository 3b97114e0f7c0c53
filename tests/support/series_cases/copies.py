"""Copies, re-forwards, associations, late slices, restarts."""

from support.ct_factory import uid
from support.series_cases.case import ANALYSED, Becomes, Case, analysed, held, not_analysed, released, sent, sent_twice
from support.series_cases.heads import changed, head, localizer, other, redrawn
from support.series_cases.ward import Ward

from hounsfield.storage.states import AssociationEnding, Completeness, Reason, SeriesState

JPEG_LS, JPEG_2000, RLE = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5"
SUSPECT = Completeness.SUSPECT


def _in_three_associations(ward: Ward) -> None:
    images = head()
    for part in (images[8:], images[:3], images[3:8]):
        ward.send(part)
        ward.bench.clock.advance(4)
        ward.bench.assembler.tick()
    ward.through()


def _interleaved(ward: Ward) -> None:
    one, two = ward.call(), ward.call()
    for a, b in zip(head(), head(name="b", StudyInstanceUID=uid("study a")), strict=True):
        ward.store(a, one)
        ward.store(b, two)
    ward.end(one)
    ward.end(two)
    ward.through()


def _one_series_over_two_at_once(ward: Ward) -> None:
    one, two = ward.call(), ward.call()
    for place, image in enumerate(head()):
        ward.store(image, (one, two)[place % 2])
    ward.end(one)
    ward.end(two)
    ward.through()


def _aborted_then_whole(ward: Ward) -> None:
    ward.send(head()[:7], ending=AssociationEnding.ABORTED)
    ward.bench.clock.advance(5)
    ward.send(head())
    ward.through()


def _quiet_is_short_after_a_release(ward: Ward) -> None:
    ward.send(head())
    ward.settle(6.0)
    assert ward.series()[0].state is SeriesState.CLOSED
    ward.through()


def _quiet_is_whole_while_one_is_open(ward: Ward) -> None:
    images = head()
    ward.send(images[:6])
    ward.send(images[6:], ending=AssociationEnding.OPEN)
    ward.settle(6.0)
    assert ward.series()[0].state is SeriesState.RECEIVING
    ward.settle(5.0)
    assert ward.series()[0].state is SeriesState.CLOSED
    ward.through()


def _later_while_the_model_runs(ward: Ward) -> None:
    images = head(14)
    ward.send(images[:12])
    ward.settle()
    ward.work(meanwhile=lambda: ward.send(images[12:]))
    ward.through()


def _again_while_the_model_runs(ward: Ward) -> None:
    ward.send(head())
    ward.settle()
    ward.work(meanwhile=lambda: ward.send(changed(head(), StudyDescription="COERCED")))
    ward.through()


def _conflict_while_the_model_runs(ward: Ward) -> None:
    ward.send(head())
    ward.settle()
    ward.work(meanwhile=lambda: ward.send([redrawn(head()[4], lambda stored: stored + 20)]))
    ward.through()


def _restart(ward: Ward) -> None:
    images = head()
    ward.send(images[:6], ending=AssociationEnding.OPEN)
    ward.bench.clock.advance(30)
    ward.bench.app.database.series.lose_open_associations([], ward.bench.clock.now())
    ward.reconfigure()
    ward.bench.assembler.tick()
    assert ward.series()[0].state is SeriesState.RECEIVING
    ward.send(images[6:])
    ward.through()


def _one_by_one(ward: Ward) -> None:
    images = head(16)
    ward.send(images[:12])
    ward.through()
    for late in images[12:15]:
        ward.send([late])
        ward.through()


def _still_coming(ward: Ward) -> None:
    images = head(14)
    ward.send(images[:12])
    ward.bench.clock.advance(3596)
    ward.send(images[12:13])
    ward.settle(4.5)
    ward.work()


def _conflict_released(ward: Ward) -> None:
    ward.send([*head(), redrawn(head()[4], lambda stored: stored + 20)])
    ward.through()
    released(ward)


def _own_results(ward: Ward) -> None:
    ward.send(head())
    ward.through()
    association = ward.call("PACS")
    for path in ward.results():
        ward.store_file(path, association, calling_ae="PACS")
    ward.end(association)
    ward.through()


def _reforward(ward: Ward) -> None:
    """After each of our results the PACS sends study and results back."""
    ward.send(head())
    ward.through()
    for _ in range(3):
        ward.send(changed(head(), StudyDescription="COERCED BY THE PACS"), syntax=JPEG_LS, calling_ae="PACS")
        association = ward.call("PACS")
        for path in ward.results():
            ward.store_file(path, association, calling_ae="PACS")
        ward.end(association)
        ward.through()


def _second_names_first(ward: Ward) -> None:
    first, second = ward.reports()
    assert second.predecessors == (first.sop_instance_uid,)
    assert first.predecessors == ()


def _nobody_else_is_held(ward: Ward) -> None:
    assert [series.series_uid for series in ward.series()] == [uid("series a"), uid("series b")]


_own = Becomes(state=SeriesState.SKIPPED, reason=Reason.OWN_RESULT, completeness=None, revision=0, jobs=())

CASES = (
    Case(name="the same images once more", story=sent_twice(head, head), becomes=analysed(), copies=(12, 0)),
    Case(
        name="copies of known images whose header alone differs",
        means="counted, kept beside the first copies, never mixed with them",
        story=sent_twice(head, lambda: changed(head(), StudyDescription="COERCED", InstitutionName="Elsewhere")),
        becomes=analysed(),
        copies=(0, 12),
    ),
    Case(
        name="such copies while the series still comes",
        story=sent(lambda: [*head(), *changed(head(), 3, 4, StudyDescription="COERCED")[3:5]]),
        becomes=analysed(),
        copies=(0, 2),
    ),
    Case(
        name="the PACS sends the study back after each result, renamed and as JPEG-LS, our results with it",
        means="one result set, no loop",
        story=_reforward,
        becomes=(Becomes(), _own, _own),
        copies=(24, 12),
    ),
    Case(
        name="copies as JPEG 2000 (lossless)",
        story=sent_twice(head, head, syntax=JPEG_2000),
        becomes=analysed(),
        copies=(0, 12),
    ),
    Case(name="copies as RLE", story=sent_twice(head, head, syntax=RLE), becomes=analysed(), copies=(0, 12)),
    Case(
        name="a known image with other pixels",
        means="both are kept apart; the log has an alarm",
        story=sent_twice(head, lambda: [redrawn(head()[4], lambda stored: stored + 20)]),
        becomes=held(Reason.CONFLICT, revision=1, jobs=(ANALYSED,)),
        copies=(0, 1),
    ),
    Case(
        name="a known image with other pixels, released by a person",
        means="what came first is used",
        story=_conflict_released,
        becomes=analysed(),
        copies=(0, 1),
        says=("1 image came again with other content under the same identifier; what came first is used",),
    ),
    Case(
        name="a known image at another position",
        story=sent_twice(head, lambda: changed(head(), 4, ImagePositionPatient=[-120.0, -120.0, 21.0])[4:5]),
        becomes=held(Reason.CONFLICT, revision=1, jobs=(ANALYSED,)),
        copies=(0, 1),
    ),
    Case(
        name="a known image of another patient",
        story=sent_twice(head, lambda: changed(head(), 4, PatientID="T-2")[4:5]),
        becomes=held(Reason.CONFLICT, revision=1, jobs=(ANALYSED,)),
        copies=(0, 1),
    ),
    Case(
        name="a known image in another series",
        means="kept apart: it makes no difference to the first series",
        story=sent_twice(head, lambda: changed(head(), 4, SeriesInstanceUID=uid("series b"))[4:5]),
        becomes=(Becomes(), *held(Reason.CONFLICT)),
        check=_nobody_else_is_held,
    ),
    Case(
        name="one series over three associations, one after the other",
        means="one series; the quiet period counts from its last image",
        story=_in_three_associations,
        becomes=analysed(),
        settings=("assembly.quiet_seconds",),
    ),
    Case(name="one series over two associations at once", story=_one_series_over_two_at_once, becomes=analysed()),
    Case(
        name="two series of a study, interleaved",
        story=_interleaved,
        becomes=(Becomes(), Becomes()),
        configuration={"rule": [{"name": "all", "bundle": "tiny", "per_study": "all"}]},
    ),
    Case(
        name="every association that brought the series was released",
        means="a short quiet period is enough",
        story=_quiet_is_short_after_a_release,
        becomes=analysed(),
        settings=("assembly.released_seconds",),
    ),
    Case(
        name="an association that brought images of it is still open",
        means="the whole quiet period is waited for",
        story=_quiet_is_whole_while_one_is_open,
        becomes=analysed(),
        settings=("assembly.quiet_seconds",),
    ),
    Case(
        name="an association breaks off behind the last image",
        means="what was acknowledged stays",
        story=sent(head, ending=AssociationEnding.ABORTED),
        becomes=analysed(completeness=SUSPECT, reason=Reason.ASSOCIATION_ABORTED),
        says=("SUSPECT (association-aborted)", "A transfer was cut off"),
    ),
    Case(
        name="an association breaks off and the sender tries again",
        story=_aborted_then_whole,
        becomes=analysed(),
        copies=(7, 0),
    ),
    Case(
        name="an association breaks off after three images",
        story=sent(lambda: head()[:3], ending=AssociationEnding.ABORTED),
        becomes=not_analysed(Reason.TOO_FEW_SLICES, completeness=SUSPECT, reason=Reason.ASSOCIATION_ABORTED),
        says=("NOT ANALYSED - too few slices",),
        settings=("scope.slices",),
    ),
    Case(
        name="slices that come after the result",
        means="a second revision, whose result names the first",
        story=sent_twice(lambda: head(14)[:12], lambda: head(14)[12:]),
        becomes=analysed(revision=2, jobs=(ANALYSED, ANALYSED)),
        check=_second_names_first,
    ),
    Case(
        name="a localizer that comes after the result",
        means="no second report about the same slices",
        story=sent_twice(head, lambda: [localizer()]),
        becomes=analysed(),
    ),
    Case(
        name="an image that comes after the result and shows what another one shows",
        means="no second report about the same slices",
        story=sent_twice(head, lambda: other(head()[4:5], "twin")),
        becomes=analysed(),
    ),
    Case(
        name="another kernel of the same series, which comes after the result and is no better",
        means="no second report about the same slices",
        story=sent_twice(lambda: head(ConvolutionKernel="H30s"), lambda: other(head(ConvolutionKernel="H60s"), "bone")),
        becomes=analysed(),
        scope={"preference": {"kernel": ["H30"]}},
        settings=("preference.kernel",),
    ),
    Case(
        name="another kernel of the same series, which comes after the result and is better",
        story=sent_twice(lambda: head(ConvolutionKernel="H60s"), lambda: other(head(ConvolutionKernel="H30s"), "soft")),
        becomes=analysed(revision=2, jobs=(ANALYSED, ANALYSED)),
        scope={"preference": {"kernel": ["H30"]}},
        settings=("preference.kernel",),
        check=_second_names_first,
    ),
    Case(
        name="slices that come while the model runs",
        means="the running analysis keeps to its images; then a second revision",
        story=_later_while_the_model_runs,
        becomes=analysed(revision=2, jobs=(ANALYSED, ANALYSED)),
        check=_second_names_first,
    ),
    Case(
        name="the sender sends everything again while the model runs",
        story=_again_while_the_model_runs,
        becomes=analysed(),
        copies=(0, 12),
    ),
    Case(
        name="a known image with other pixels that comes while the model runs",
        means="the running analysis keeps to the images it began with",
        story=_conflict_while_the_model_runs,
        becomes=held(Reason.CONFLICT, revision=1, jobs=(ANALYSED,)),
        copies=(0, 1),
    ),
    Case(
        name="a restart in the middle of a series",
        means="a fresh quiet period",
        story=_restart,
        becomes=analysed(),
    ),
    Case(
        name="slices that come late again and again",
        story=_one_by_one,
        becomes=held(Reason.TOO_MANY_REVISIONS, revision=3, jobs=(ANALYSED,) * 3),
        settings=("assembly.max_revisions",),
    ),
    Case(
        name="images still come when the series is as old as it may get",
        story=_still_coming,
        becomes=analysed(completeness=SUSPECT, reason=Reason.MAX_AGE),
        says=("SUSPECT (max-age)",),
        settings=("assembly.max_age_seconds",),
    ),
    Case(
        name="our own results, sent back by the PACS",
        means="recognised by their UIDs and their manufacturer; nothing is triggered",
        story=_own_results,
        becomes=(Becomes(), _own, _own),
    ),
)
