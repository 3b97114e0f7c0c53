"""Order, gaps, counts, positions, tilt, spacing."""

from collections.abc import Mapping

from support.ct_factory import uid
from support.fake_counts import FakeCounts
from support.series_cases.case import (
    ANALYSED,
    Case,
    Story,
    analysed,
    held,
    not_analysed,
    sent,
    sent_and_released,
    sent_twice,
)
from support.series_cases.heads import BLEEDING, changed, head, head_slice, lying, other, tilted
from support.series_cases.ward import Ward

from hounsfield.storage.states import Completeness, Reason, SeriesState

INCOMPLETE, SUSPECT = Completeness.INCOMPLETE, Completeness.SUSPECT
_GAP = {"completeness": INCOMPLETE, "reason": Reason.GAP}


def _shuffled() -> list:
    images = head()
    for place, image in enumerate(images):
        image.InstanceNumber = str((place * 5) % 12 + 1)
        image.SliceLocation = "0"
    return [images[(place * 7) % 12] for place in range(12)]


def _comes_in_time(ward: Ward) -> None:
    images = head()
    ward.send(images[:5] + images[6:])
    ward.settle(20.0)
    assert ward.series()[0].state is SeriesState.RECEIVING
    ward.send([images[5]])
    ward.through()


def _with_archive(images: Mapping[str, int]) -> Story:
    def story(ward: Ward) -> None:
        ward.ask(FakeCounts(images, looks=2))
        ward.send(head())
        ward.through()

    return story


def _flags_the_bleeding_slice(ward: Ward) -> None:
    (report,) = ward.reports()
    (key,) = report.flagged
    assert key == (head()[BLEEDING].SOPInstanceUID, None)


def _irregular() -> list:
    return changed(head(), 6, ImagePositionPatient=[-120.0, -120.0, 31.0])


CASES = (
    Case(
        name="images out of order, with wrong Instance Numbers",
        means="sorted by their positions, never by number",
        story=sent(_shuffled),
        becomes=analysed(),
        check=_flags_the_bleeding_slice,
    ),
    Case(
        name="one slice is missing",
        means="waited for, then reported",
        story=sent(lambda: head(without=[4])),
        becomes=not_analysed(Reason.INCOMPLETE, **_GAP),
        says=("NOT ANALYSED - slices missing", "INCOMPLETE (gap)", "Slices are missing at 1 place: a step of 10.0 mm"),
        settings=("assembly.incomplete_wait_seconds", "assembly.incomplete"),
    ),
    Case(
        name="slices are missing at three places",
        story=sent(lambda: head(18, without=[3, 9, 10, 14])),
        becomes=not_analysed(Reason.INCOMPLETE, **_GAP),
        says=("missing at 3 places",),
    ),
    Case(
        name="a missing slice that comes in time",
        story=_comes_in_time,
        becomes=analysed(),
        settings=("assembly.incomplete_wait_seconds",),
    ),
    Case(
        name="a missing slice that comes after the report",
        means="a second revision, analysed, whose result names the first",
        story=sent_twice(lambda: head(without=[4]), lambda: head()[4:5]),
        becomes=analysed(revision=2, jobs=(Reason.INCOMPLETE, ANALYSED)),
    ),
    Case(
        name="one slice is missing, and incomplete series shall wait for a person",
        story=sent(lambda: head(without=[4])),
        becomes=held(Reason.INCOMPLETE),
        configuration={"assembly": {"incomplete": "hold"}},
        settings=("assembly.incomplete", "[[rule]] incomplete"),
    ),
    Case(
        name="one slice is missing, and a person releases the series that waits",
        story=sent_and_released(lambda: head(without=[4])),
        becomes=not_analysed(Reason.INCOMPLETE, **_GAP),
        says=("NOT ANALYSED - slices missing",),
        configuration={"assembly": {"incomplete": "hold"}},
    ),
    Case(
        name="fewer images than the scanner announces",
        story=sent(lambda: head(ImagesInAcquisition="15")),
        becomes=not_analysed(Reason.INCOMPLETE, completeness=INCOMPLETE, reason=Reason.FEWER_THAN_ANNOUNCED),
        says=("12 images received, the scanner announced 15",),
    ),
    Case(
        name="fewer images than the PACS holds",
        means="the PACS is asked by C-FIND",
        story=_with_archive({uid("series a"): 13}),
        becomes=not_analysed(Reason.INCOMPLETE, completeness=INCOMPLETE, reason=Reason.FEWER_THAN_KNOWN),
        says=("12 images received, the PACS holds 13 of this series",),
        settings=("query.host",),
    ),
    Case(
        name="as many images as the PACS holds",
        story=_with_archive({uid("series a"): 12}),
        becomes=analysed(),
        settings=("query.host",),
    ),
    Case(
        name="a PACS that does not answer how many images it holds",
        means="judged without its answer",
        story=_with_archive({}),
        becomes=analysed(),
        settings=("query.timeout_seconds",),
    ),
    Case(
        name="every second slice is missing",
        story=sent(lambda: head(spacing=10.0)),
        becomes=not_analysed(Reason.INCOMPLETE, completeness=SUSPECT, reason=Reason.SPARSE),
        says=("NOT ANALYSED - slices missing", "every second slice may be missing"),
        settings=("scope.allow_sparse",),
    ),
    Case(
        name="every second slice is missing, and the model takes that",
        story=sent(lambda: head(spacing=10.0)),
        becomes=analysed(completeness=SUSPECT, reason=Reason.SPARSE),
        scope={"allow_sparse": True},
        settings=("scope.allow_sparse",),
    ),
    Case(
        name="thin slices at wide steps as Spacing Between Slices says",
        story=sent(lambda: head(spacing=8.0, SpacingBetweenSlices="8")),
        becomes=analysed(),
    ),
    Case(
        name="an image twice under two UIDs, the same in every pixel",
        means="one of the two is left out",
        story=sent(lambda: [*head(), *other(head()[4:5], "twin")]),
        becomes=analysed(),
    ),
    Case(
        name="two different images at one position that nothing tells apart",
        story=sent(lambda: [*head(), *other([head_slice(20.0, bleeds=True)], "twin")]),
        becomes=held(Reason.AMBIGUOUS_GEOMETRY),
    ),
    Case(
        name="two different images at one position, released by a person",
        story=sent_and_released(lambda: [*head(), *other([head_slice(20.0, bleeds=True)], "twin")]),
        becomes=not_analysed(Reason.AMBIGUOUS_GEOMETRY),
        says=("NOT ANALYSED - more than one slice at one position",),
    ),
    Case(
        name="two kernels in one series",
        means="the better reconstruction is analysed, and the report speaks of it alone",
        story=sent(lambda: [*head(ConvolutionKernel="H60s"), *other(head(ConvolutionKernel="H30s"), "soft")]),
        becomes=analysed(),
        scope={"preference": {"kernel": ["H30"]}},
        settings=("[[rule]] per_study", "preference.kernel"),
    ),
    Case(
        name="two kernels in one series, and a rule that wants all",
        story=sent(lambda: [*head(ConvolutionKernel="H60s"), *other(head(ConvolutionKernel="H30s"), "soft")]),
        becomes=analysed(jobs=(ANALYSED, ANALYSED)),
        configuration={"rule": [{"name": "all", "bundle": "tiny", "per_study": "all"}]},
        settings=("[[rule]] per_study",),
    ),
    Case(
        name="two acquisitions at the same positions in one series",
        story=sent(lambda: [*head(), *other(head(), "second", AcquisitionNumber="2")]),
        becomes=analysed(),
    ),
    Case(
        name="one volume whose blocks have Acquisition Numbers of their own",
        means="stays one volume",
        story=sent(lambda: changed(head(), *range(6, 12), AcquisitionNumber="2")),
        becomes=analysed(),
    ),
    Case(
        name="another field of view from the middle of the head upwards",
        means="there is no result about half a head",
        story=sent(lambda: changed(head(20), *range(10, 20), PixelSpacing=[3.0, 3.0])),
        becomes=held(Reason.AMBIGUOUS_GEOMETRY),
    ),
    Case(
        name="another kernel from the middle of the head upwards",
        means="stays one volume",
        story=sent(lambda: changed(head(20, ConvolutionKernel="H30s"), *range(10, 20), ConvolutionKernel="H40s")),
        becomes=analysed(),
    ),
    Case(
        name="a patient who lies feet first",
        means="slices are put in order from the feet to the head",
        story=sent(lambda: lying(head(), (-1.0, 0.0, 0.0), (0.0, 1.0, 0.0))),
        becomes=analysed(),
        check=_flags_the_bleeding_slice,
    ),
    Case(
        name="a patient who lies prone",
        story=sent(lambda: lying(head(), (-1.0, 0.0, 0.0), (0.0, -1.0, 0.0))),
        becomes=analysed(),
        check=_flags_the_bleeding_slice,
    ),
    Case(
        name="half of the series with its rows the other way round",
        means="there is no result about half a head",
        story=sent(lambda: [*head(20)[:10], *lying(head(20)[10:], (-1.0, 0.0, 0.0), (0.0, 1.0, 0.0))]),
        becomes=held(Reason.AMBIGUOUS_GEOMETRY),
    ),
    Case(
        name="a tilted gantry, and a model that takes slices one by one",
        story=sent(lambda: tilted(head(), 18.5)),
        becomes=analysed(),
        says=("Gantry tilt 18.5 degrees",),
        settings=("scope.tilt", "scope.max_tilt_degrees"),
    ),
    Case(
        name="a tilted gantry, and a model that takes none",
        story=sent(lambda: tilted(head(), 18.5)),
        becomes=not_analysed(Reason.TILT),
        says=("NOT ANALYSED - gantry tilt",),
        scope={"tilt": "refuse"},
        settings=("scope.tilt",),
    ),
    Case(
        name="a tilted gantry, and a model that wants it resampled",
        story=sent(lambda: tilted(head(), 18.5)),
        becomes=analysed(),
        says=("Gantry tilt 18.5 degrees", "moved in their planes"),
        scope={"tilt": "resample"},
        settings=("scope.tilt",),
        check=_flags_the_bleeding_slice,
    ),
    Case(
        name="a gantry tilted further than the model takes",
        story=sent(lambda: tilted(head(), 38.0)),
        becomes=not_analysed(Reason.TILT),
        settings=("scope.max_tilt_degrees",),
    ),
    Case(
        name="a tilt in the tag alone",
        means="the tag is not believed",
        story=sent(lambda: head(GantryDetectorTilt="20")),
        becomes=analysed(),
        scope={"tilt": "refuse"},
    ),
    Case(
        name="irregular steps, and a model that takes slices one by one",
        story=sent(_irregular),
        becomes=analysed(),
        says=("Slice steps 4.0 to 6.0 mm",),
        settings=("scope.irregular_spacing",),
    ),
    Case(
        name="irregular steps, and a model that takes none",
        story=sent(_irregular),
        becomes=not_analysed(Reason.IRREGULAR_SPACING),
        says=("NOT ANALYSED - irregular slice spacing",),
        scope={"irregular_spacing": "refuse"},
        settings=("scope.irregular_spacing",),
    ),
    Case(
        name="irregular steps, and a model that wants them resampled",
        story=sent(_irregular),
        becomes=analysed(),
        says=("resampled",),
        scope={"irregular_spacing": "resample"},
        settings=("scope.irregular_spacing",),
        check=_flags_the_bleeding_slice,
    ),
    Case(
        name="images without a position",
        story=sent(lambda: head(ImagePositionPatient=None)),
        becomes=not_analysed(Reason.NO_GEOMETRY),
        says=("NOT ANALYSED - image geometry missing or contradictory",),
    ),
    Case(
        name="one image without a position",
        story=sent(lambda: changed(head(), 5, ImagePositionPatient=None)),
        becomes=not_analysed(Reason.INCOMPLETE, **_GAP),
    ),
    Case(
        name="images without pixel spacing",
        story=sent(lambda: head(PixelSpacing=None)),
        becomes=not_analysed(Reason.NO_GEOMETRY),
    ),
    Case(
        name="too little of the head",
        story=sent(head),
        becomes=not_analysed(Reason.COVERAGE),
        says=("NOT ANALYSED - too little of the head covered",),
        scope={"min_coverage_mm": 100.0},
        settings=("scope.min_coverage_mm",),
    ),
)
