"""What is kept of an analysis for drift: where the images came from, what they were like, what the model said."""

import re
from collections.abc import Iterable, Sequence

from hounsfield.daemon.pipeline.evidence import Snapshot
from hounsfield.model.drift.inputs import measure_inputs
from hounsfield.model.findings import Analysis
from hounsfield.model.headers import SliceHeader
from hounsfield.model.volume import Volume
from hounsfield.storage.analysis_facts import AnalysisFacts

_UNWANTED = re.compile(r"[^A-Za-z0-9 ._+()#-]")
_LONGEST = (16, 32, 32, 16)
"""Of calling AE title, maker, model and station; values are longer at times (PS3.5 6.2), keys need not be."""
_JOINT = " / "


def analysis_facts(analysis: Analysis, snapshot: Snapshot, volume: Volume | None) -> AnalysisFacts | None:
    """Return the facts of an analysis; None of what was not analysed."""
    if not analysis.findings or volume is None:
        return None
    return AnalysisFacts(
        scanner=scanner_key(snapshot.calling_ae, volume.headers),
        scores={finding.label: round(finding.score, 6) for finding in analysis.findings},
        inputs=measure_inputs(volume.slices_hu, volume.headers, snapshot.geometry),
    )


def scanner_key(calling_ae: str, headers: Sequence[SliceHeader]) -> str:
    """Return ``AE TITLE / maker / model / station``, as the first images say that do.

    At most 105 characters of a small part of ASCII: it goes into reports, and one day into the labels of metrics. What
    else a header holds becomes ``_``.
    """
    parts = (
        calling_ae,
        _first(header.manufacturer for header in headers),
        _first(header.model_name for header in headers),
        _first(header.station_name for header in headers),
    )
    return _JOINT.join(_clean(part, longest) or "?" for part, longest in zip(parts, _LONGEST, strict=True))


def _first(values: Iterable[str]) -> str:
    return next((value for value in values if value), "")


def _clean(text: str, longest: int) -> str:
    return " ".join(_UNWANTED.sub("_", text).split())[:longest].strip()
