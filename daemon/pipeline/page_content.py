"""What stands on the pages of one result: the evidence of a report, chosen for the eye."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from pydicom import Dataset

from hounsfield.daemon.results.words import together
from hounsfield.daemon.words import VERDICT_WORDS
from hounsfield.model.bundle import Bundle
from hounsfield.model.explain.heatmap import Heatmap
from hounsfield.model.findings import Analysis, Finding
from hounsfield.model.headers import SliceHeader
from hounsfield.model.page import FurtherScore, PageContent, PageSlice
from hounsfield.model.page.choice import even_slices, top_slices
from hounsfield.model.page.labels import ENGLISH, PageLabels
from hounsfield.storage.records import Verdict
from hounsfield.storage.states import Outcome

LONGEST_TITLE = 16
"""Characters of the findings in the title of a page."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a report speaks of: the snapshot, its identity and its completeness."""

    sources: tuple[Dataset, ...]
    """Data sets without pixels of every instance, in volume order where there is one."""
    headers: tuple[SliceHeader, ...]
    """Headers in volume order; empty where no geometry could be had."""
    slices_hu: Sequence[np.ndarray]
    """HU (rows, columns) per header; empty if the pixels were not read."""
    identity: str
    verdict: Verdict
    heatmaps: Mapping[int, Heatmap] = field(default_factory=dict)
    """What the scores of the slices shown rest on, by their place in the volume (from 0), where one could be made.
    They explain the first label, so that they are not shown beside the scores of another."""


def page_content(
    bundle: Bundle,
    analysis: Analysis,
    evidence: Evidence,
    outcome: Outcome,
    words: str,
    labels: PageLabels = ENGLISH,
) -> PageContent:
    """Return what the summary page says and shows; ``words`` are in the language of ``labels``."""
    manifest = bundle.manifest
    finding = analysis.leading
    return PageContent(
        verdict=VERDICT_WORDS[outcome],
        words=words,
        short=together(_shorts(bundle, analysis), LONGEST_TITLE),
        score=finding.score if finding else None,
        score_word=labels.probability if manifest.calibrated else labels.score,
        threshold=finding.threshold if finding else None,
        slice_threshold=finding.slice_threshold if finding else None,
        slice_scores=tuple(s.score for s in finding.slices) if finding else (),
        slices=_top_slices(finding, evidence if finding is analysis.finding else replace(evidence, heatmaps={})),
        further=_further(analysis) if outcome is Outcome.POSITIVE else (),
        bundle=f"{manifest.name} {manifest.version}",
        completeness=str(evidence.verdict.completeness),
        remarks=(*evidence.verdict.remarks, *analysis.remarks),
        banner=manifest.banner,
        labels=labels,
    )


def _shorts(bundle: Bundle, analysis: Analysis) -> list[str]:
    labels = bundle.manifest.output.labels
    leads = [one.label for one in analysis.leads]
    return [label.short for label in labels if label.name in leads] or [labels[0].short]


def _further(analysis: Analysis) -> tuple[FurtherScore, ...]:
    """What the other labels say of a flagged series."""
    return tuple(
        FurtherScore(name=one.label, score=one.score, threshold=one.threshold)
        for one in analysis.findings
        if one is not analysis.leading
    )


def _top_slices(finding: Finding | None, evidence: Evidence) -> tuple[PageSlice, ...]:
    """The slices with the highest scores, in volume order; without scores, slices evenly through the volume."""
    count = len(evidence.slices_hu)
    if not count:
        return ()
    chosen = even_slices(count) if finding is None else top_slices([one.score for one in finding.slices])
    return tuple(
        PageSlice(
            number=i + 1,
            hu=evidence.slices_hu[i],
            score=finding.slices[i].score if finding else None,
            pixel_spacing=evidence.headers[i].pixel_spacing or (1.0, 1.0),
            orientation=evidence.headers[i].orientation,
            heatmap=evidence.heatmaps.get(i),
        )
        for i in chosen
    )
