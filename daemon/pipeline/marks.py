"""Where presentation states point: the hottest place of each heatmap. Pure."""

from collections.abc import Sequence

import numpy as np

from hounsfield.daemon.results.request import Mark
from hounsfield.model.explain import hottest
from hounsfield.model.findings import Finding
from hounsfield.model.page import PageSlice

RADIUS_MM = 12.0
"""Of the circle around it: large enough to be seen, and the same for all, since it measures nothing."""


def marks_of(slices: Sequence[PageSlice], finding: Finding | None) -> tuple[Mark, ...]:
    """Return a mark for every slice that has a heatmap with any heat in it."""
    if finding is None:
        return ()
    return tuple(
        _mark(one, one.heatmap, finding) for one in slices if one.heatmap is not None and np.any(one.heatmap > 0)
    )


def _mark(one: PageSlice, heatmap: np.ndarray, finding: Finding) -> Mark:
    row, column = hottest(heatmap)
    scored = finding.slices[one.number - 1]
    return Mark(
        sop_instance_uid=scored.sop_instance_uid,
        frame=scored.frame,
        column=float(column),
        row=float(row),
        radius=RADIUS_MM / one.pixel_spacing[1],
    )
