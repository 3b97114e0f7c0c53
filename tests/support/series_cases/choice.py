"""Rules, several reconstructions of a study, and what a person does."""

from collections.abc import Callable
from typing import Any

from pydicom import Dataset
from support.ct_factory import uid
from support.series_cases.case import (
    ANALYSED,
    Becomes,
    Case,
    Story,
    analysed,
    held,
    not_analysed,
    sent,
    sent_and_released,
    skipped,
)
from support.series_cases.heads import changed, head
from support.series_cases.ward import Ward

from hounsfield.storage.states import AssociationEnding, Completeness, JobKind, Reason, SeriesState

ANOTHER = Becomes(state=SeriesState.SKIPPED, reason=Reason.ANOTHER_SERIES, completeness=None, revision=0, jobs=())
_PACS = {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": 4242}
_RESEARCH = {"name": "research", "ae_title": "RESEARCH", "host": "127.0.0.1", "port": 4243}


def _rules(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"rule": list(rules)}


def rule(name: str = "head", **fields: Any) -> dict[str, Any]:
    decision = {} if {"hold", "skip", "bundle"} & set(fields) else {"bundle": "tiny"}
    return {"name": name, **decision, **fields}


WANTED = _rules(rule(where={"Modality": "CT"}))
"""A rule that wants everything, whatever the manifest says."""


def reconstruction(name: str, kernel: str, thickness: float = 5.0, count: int = 12, **attributes: Any) -> list[Dataset]:
    """Return one series of the common study."""
    return head(
        count,
        spacing=thickness,
        name=name,
        bleeding=count // 2,
        StudyInstanceUID=uid("study a"),
        FrameOfReferenceUID=uid("frame a"),
        ConvolutionKernel=kernel,
        SliceThickness=str(thickness),
        **attributes,
    )


SOFT_FIRST = {"preference": {"kernel": ["H30", "H40"], "thickness_mm": 5.0}}


def _one_after_the_other(*series: Callable[[], list[Dataset]], pause: float = 1.0) -> Story:
    def story(ward: Ward) -> None:
        for images in series:
            ward.send(images())
            ward.bench.clock.advance(pause)
            ward.bench.assembler.tick()
        ward.through()

    return story


def _bone() -> list[Dataset]:
    return reconstruction("bone", "H60s")


def _soft() -> list[Dataset]:
    return reconstruction("soft", "H30s")


def _thin() -> list[Dataset]:
    return reconstruction("thin", "H30s", 1.0, 40)


def _better_later(ward: Ward) -> None:
    ward.send(_bone())
    ward.through()
    ward.send(_soft())
    ward.through()


def _worse_later(ward: Ward) -> None:
    ward.send(_soft())
    ward.through()
    ward.send(_bone())
    ward.through()


def _second_names_first(ward: Ward) -> None:
    first, second = ward.reports()
    assert second.predecessors == (first.sop_instance_uid,)


def _nothing_is_sent(ward: Ward) -> None:
    assert len(ward.reports()) == 1
    assert ward.jobs(JobKind.DELIVER) == []


def _research_alone(ward: Ward) -> None:
    assert [job.destination for job in ward.jobs(JobKind.DELIVER)] == ["research"]


def _stat_first(ward: Ward) -> None:
    ward.send(head(name="routine"))
    ward.settle()
    ward.send(head(name="stat", StudyDescription="Head STAT"))
    ward.settle()
    ward.work()


def _stat_was_first(ward: Ward) -> None:
    routine, stat = ward.jobs()
    assert stat.priority > routine.priority
    events = [e.job_id for e in ward.bench.app.database.jobs.events(limit=10_000) if e.to_state == "RUNNING"]
    assert events.index(stat.id) < events.index(routine.id)


def _mended(ward: Ward) -> None:
    ward.send(head())
    ward.through()
    assert ward.series()[0].reason is Reason.NO_RULE
    ward.reconfigure(rule=[rule(where={"StudyDescription": {"matches": "(?i)head"}})])
    (series,) = ward.series()
    assert ward.bench.app.database.series.replay(series.id, ward.bench.clock.now(), "anna")
    ward.through()


_BOTH = rule(
    where={"SeriesDescription": {"matches": "Head"}},
    requires=[{"SeriesDescription": {"matches": "Neck"}}],
    force_seconds=900.0,
    wait_seconds=10.0,
)


def _required_comes(ward: Ward) -> None:
    ward.send(head())
    ward.settle(60.0)
    assert ward.series()[0].state is SeriesState.RECEIVING
    ward.send(head(name="neck", StudyInstanceUID=uid("study a"), SeriesDescription="Neck"))
    ward.settle(60.0)
    ward.through(60.0)


def _required_never_comes(ward: Ward) -> None:
    ward.send(head())
    ward.settle(60.0)
    assert ward.series()[0].state is SeriesState.RECEIVING
    ward.through(1000.0)


def _discarded(ward: Ward) -> None:
    ward.send(head())
    ward.through()
    (series,) = ward.series()
    store = ward.bench.app.database.series
    assert store.discard(series.id, Reason.OPERATOR, ward.bench.clock.now(), "anna")
    ward.through()


def _by_anna(ward: Ward) -> None:
    events = ward.bench.app.database.jobs.events(limit=10_000)
    assert [event.detail["by"] for event in events if "by" in event.detail] == ["anna"]


def _released_then_more(ward: Ward) -> None:
    sent_and_released(head)(ward)
    ward.send(head(13)[12:])
    ward.through()


def _quiet_of_the_rule(ward: Ward) -> None:
    ward.send(head(), ending=AssociationEnding.OPEN)
    ward.settle(3.5)
    assert ward.series()[0].state is SeriesState.CLOSED
    ward.through()


CASES = (
    Case(
        name="a study with reconstructions for soft tissue and for bone",
        means="the manifest's preference decides",
        story=_one_after_the_other(_bone, _soft),
        becomes=(ANOTHER, Becomes()),
        scope=SOFT_FIRST,
        settings=("[[rule]] per_study", "preference.kernel", "[[rule]] wait_seconds"),
    ),
    Case(
        name="a study with thick and thin slices of one kernel",
        story=_one_after_the_other(_thin, _soft),
        becomes=(ANOTHER, Becomes()),
        scope=SOFT_FIRST,
        settings=("preference.thickness_mm",),
    ),
    Case(
        name="a study with four reconstructions, and a rule that wants all",
        story=_one_after_the_other(_bone, _soft, _thin, lambda: reconstruction("wide", "H40s")),
        becomes=(Becomes(),) * 4,
        configuration=_rules(rule(per_study="all")),
        scope=SOFT_FIRST,
        settings=("[[rule]] per_study",),
    ),
    Case(
        name="a better reconstruction that comes after the result",
        means="a second result, which names the first",
        story=_better_later,
        becomes=(Becomes(), Becomes()),
        scope=SOFT_FIRST,
        check=_second_names_first,
    ),
    Case(
        name="a worse reconstruction that comes after the result",
        story=_worse_later,
        becomes=(Becomes(), ANOTHER),
        scope=SOFT_FIRST,
    ),
    Case(
        name="a rule that holds",
        story=sent(head),
        becomes=held(Reason.RULE),
        configuration=_rules(rule("look-first", hold=True, where={"Modality": "CT"})),
        settings=("[[rule]] hold",),
    ),
    Case(
        name="a rule that skips",
        story=sent(head),
        becomes=skipped(Reason.RULE),
        configuration=_rules(rule("not-these", skip=True, where={"StudyDescription": "CT head"}), rule()),
        settings=("[[rule]] skip",),
    ),
    Case(
        name="a rule that runs in the shadow",
        means="analysed and kept, nothing is sent",
        story=sent(head),
        becomes=analysed(),
        configuration=_rules(rule(shadow=True)),
        settings=("[[rule]] shadow",),
        check=_nothing_is_sent,
    ),
    Case(
        name="a rule that names its destinations",
        story=sent(head),
        becomes=analysed(),
        configuration=_rules(rule(destinations=["research"])),
        destinations=(_PACS, _RESEARCH),
        settings=("[[rule]] destinations",),
        check=_research_alone,
    ),
    Case(
        name="a rule of priority stat",
        means="analysed before what has waited longer",
        story=_stat_first,
        becomes=(Becomes(), Becomes()),
        configuration=_rules(rule("stat", where={"StudyDescription": {"matches": "STAT"}}, priority="stat"), rule()),
        settings=("[[rule]] priority",),
        check=_stat_was_first,
    ),
    Case(
        name="a rule with a quiet period of its own",
        story=_quiet_of_the_rule,
        becomes=analysed(),
        configuration=_rules(rule(quiet_seconds=3.0)),
        settings=("[[rule]] quiet_seconds",),
    ),
    Case(
        name="an expression that is met",
        story=sent(head),
        becomes=analysed(),
        configuration=_rules(
            rule("no", when="slices > 100", skip=True), rule(when="modality == 'CT' and slices >= 12")
        ),
        settings=("[[rule]] when",),
    ),
    Case(
        name="no rule matches",
        means="kept for a while, so that a better rule can be tried",
        story=sent(head),
        becomes=skipped(Reason.NO_RULE),
        configuration=_rules(rule(where={"StudyDescription": {"matches": "Abdomen"}})),
        settings=("[[rule]] where", "assembly.keep_unmatched_days"),
    ),
    Case(
        name="no rule matches, and the series is played again under a better one",
        story=_mended,
        becomes=analysed(),
        configuration=_rules(rule(where={"StudyDescription": {"matches": "Abdomen"}})),
    ),
    Case(
        name="a rule waits for another series of the study, and it comes",
        story=_required_comes,
        becomes=(Becomes(), *skipped(Reason.NO_RULE)),
        configuration=_rules(_BOTH),
        settings=("[[rule]] requires",),
    ),
    Case(
        name="a rule waits for another series of the study, and it does not come",
        story=_required_never_comes,
        becomes=analysed(completeness=Completeness.SUSPECT, reason=Reason.REQUIRED_MISSING),
        says=("SUSPECT (required-series-missing)", "did not come in time"),
        configuration=_rules(_BOTH),
        settings=("[[rule]] force_seconds",),
    ),
    Case(
        name="contrast, where the model is for none",
        story=sent(lambda: head(ContrastBolusAgent="Ultravist")),
        becomes=not_analysed(Reason.SCOPE),
        settings=("scope.contrast",),
    ),
    Case(
        name="contrast, where the model is for none, and rules that ask for other series",
        story=sent(lambda: head(ContrastBolusAgent="Ultravist")),
        becomes=skipped(Reason.NO_RULE),
        settings=("[[rule]] where",),
        configuration=_rules(rule(where={"ContrastBolusAgent": {"present": False}})),
    ),
    Case(
        name="contrast, and a rule that wants it all the same",
        story=sent(lambda: head(ContrastBolusAgent="Ultravist")),
        becomes=not_analysed(Reason.SCOPE),
        says=("NOT ANALYSED - outside the intended use of the model", "A contrast agent is stated"),
        configuration=WANTED,
    ),
    Case(
        name="a kernel the model is not for",
        story=sent(lambda: head(ConvolutionKernel="H70h")),
        becomes=not_analysed(Reason.SCOPE),
        scope={"exclude_kernel": "H[67]"},
        settings=("scope.kernel", "scope.exclude_kernel"),
    ),
    Case(
        name="a kernel the model is not for, and rules that ask for other series",
        story=sent(lambda: head(ConvolutionKernel="H70h")),
        becomes=skipped(Reason.NO_RULE),
        settings=("[[rule]] where",),
        configuration=_rules(rule(where={"ConvolutionKernel": {"not": {"matches": "H[67]"}}})),
    ),
    Case(
        name="a kernel the model is not for, and a rule that wants it all the same",
        story=sent(lambda: head(ConvolutionKernel="H70h")),
        becomes=not_analysed(Reason.SCOPE),
        says=("outside the intended use", "kernel"),
        configuration=WANTED,
        scope={"exclude_kernel": "H[67]"},
    ),
    Case(
        name="slices thicker than the model takes",
        story=sent(lambda: head(spacing=10.0, SliceThickness="10")),
        becomes=not_analysed(Reason.SCOPE),
        scope={"thickness_mm": [0.5, 8.0]},
        settings=("scope.thickness_mm",),
    ),
    Case(
        name="slices thicker than the model takes, and rules that ask for other series",
        story=sent(lambda: head(spacing=10.0, SliceThickness="10")),
        becomes=skipped(Reason.NO_RULE),
        settings=("[[rule]] where",),
        configuration=_rules(rule(where={"SliceThickness": {"from": 0.5, "to": 8.0}})),
    ),
    Case(
        name="slices thicker than the model takes, and a rule that wants them all the same",
        story=sent(lambda: head(spacing=10.0, SliceThickness="10")),
        becomes=not_analysed(Reason.SCOPE),
        says=("Slice thickness 10 mm; the model takes 0.5 to 8 mm",),
        configuration=WANTED,
        scope={"thickness_mm": [0.5, 8.0]},
    ),
    Case(
        name="derived axial images",
        story=sent(lambda: head(ImageType=["DERIVED", "SECONDARY", "AXIAL"])),
        becomes=not_analysed(Reason.SCOPE),
        settings=("scope.derived",),
    ),
    Case(
        name="derived axial images, and rules that ask for other series",
        story=sent(lambda: head(ImageType=["DERIVED", "SECONDARY", "AXIAL"])),
        becomes=skipped(Reason.NO_RULE),
        settings=("[[rule]] where",),
        configuration=_rules(rule(where={"ImageType": {"not": {"matches": "DERIVED"}}})),
    ),
    Case(
        name="derived axial images, and a rule that wants them all the same",
        story=sent(lambda: head(ImageType=["DERIVED", "SECONDARY", "AXIAL"])),
        becomes=not_analysed(Reason.SCOPE),
        configuration=WANTED,
    ),
    Case(
        name="another body part, and a rule that wants it all the same",
        story=sent(lambda: head(BodyPartExamined="CHEST", StudyDescription="Thorax", SeriesDescription="Lung")),
        becomes=not_analysed(Reason.BODY_PART),
        says=("NOT ANALYSED - another body part than the model is for",),
        configuration=WANTED,
    ),
    Case(
        name="a held series that a person releases",
        means="the event log has the name",
        story=sent_and_released(head),
        becomes=analysed(),
        configuration=_rules(rule("look-first", where={"Modality": "CT"}, hold=True), rule()),
        check=_by_anna,
    ),
    Case(
        name="a held series that a person releases, and another image of it",
        means="held again: only what was there was released",
        story=_released_then_more,
        becomes=held(Reason.RULE, revision=1, jobs=(ANALYSED,)),
        configuration=_rules(rule("look-first", where={"Modality": "CT"}, hold=True), rule()),
    ),
    Case(
        name="a held series that a person discards",
        means="the event log has the name",
        story=_discarded,
        becomes=skipped(Reason.OPERATOR),
        configuration=_rules(rule("look-first", where={"Modality": "CT"}, hold=True)),
        check=_by_anna,
    ),
    Case(
        name="two patients, released",
        means="held again: this cannot be waived",
        story=sent_and_released(lambda: changed(head(), 4, PatientID="T-2")),
        becomes=held(Reason.TWO_PATIENTS),
    ),
)
