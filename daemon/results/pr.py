"""Grayscale Softcopy Presentation State (PS3.3 A.33.1): the flagged slices in a brain window, with what was found.

A state holds one rescale and one displayed area, so images that differ in them get a state of their own.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from pydicom import Dataset

from hounsfield.daemon.results.evidence import KeyImage, key_images
from hounsfield.daemon.results.parts import copy_body_part, envelope, image_reference, stamp_of
from hounsfield.daemon.results.request import Mark, ObjectReference, ReportRequest
from hounsfield.daemon.results.source_attributes import items, number, text
from hounsfield.daemon.results.uids import reference_of
from hounsfield.daemon.results.words import plain, series_description, words_of
from hounsfield.daemon.sop_classes import PRESENTATION_STATE
from hounsfield.model.page.tiles import WINDOW_CENTRE, WINDOW_WIDTH
from hounsfield.storage.states import Outcome

SERIES_NUMBER = 9005
SHOWN_BY = (
    "Rows",
    "Columns",
    "PixelSpacing",
    "RescaleIntercept",
    "RescaleSlope",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
)
"""What a state takes from each image that it shows."""
_LAYER = "AI"


class PresentationStateWriter:
    """Writes states for a flagged series only: elsewhere there is nothing to draw a reader's eye to."""

    role = "pr"

    def references(
        self, request: ReportRequest, companions: tuple[ObjectReference, ...]
    ) -> tuple[ObjectReference, ...]:
        """Return the UIDs, none for a series that is not flagged."""
        return tuple(
            reference_of(self.role, PRESENTATION_STATE, request, companions, position)
            for position in range(1, len(_shared_states(request)) + 1)
        )

    def write(self, request: ReportRequest, companions: tuple[ObjectReference, ...]) -> tuple[Dataset, ...]:
        """Build the states, that of the image with the highest score first."""
        states = _shared_states(request).items()
        numbered = enumerate(zip(self.references(request, companions), states, strict=True), start=1)
        return tuple(_state(request, reference, position, *state) for position, (reference, state) in numbered)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Display:
    """What images must have in common to be shown by one state."""

    rows: int
    columns: int
    spacing: str
    """DS, both values; empty if the image names none."""
    intercept: str
    slope: str


def _shared_states(request: ReportRequest) -> dict[_Display, list[KeyImage]]:
    shared: dict[_Display, list[KeyImage]] = {}
    if request.outcome is Outcome.POSITIVE:
        for key in key_images(request):
            if (display := _display(key)) is not None:
                shared.setdefault(display, []).append(key)
    return shared


def _display(key: KeyImage) -> _Display | None:
    """None where an image does not say how large it is or how its values become HU."""
    rows, columns = number(key.source, "Rows"), number(key.source, "Columns")
    slope = _value(key, "PixelValueTransformationSequence", "RescaleSlope")
    intercept = _value(key, "PixelValueTransformationSequence", "RescaleIntercept")
    if not (rows and columns and _is_number(slope) and _is_number(intercept)):
        return None
    spacing = _value(key, "PixelMeasuresSequence", "PixelSpacing")
    parts = spacing.split("\\")
    valid = len(parts) == 2 and all(_is_number(part) and float(part) > 0 for part in parts)
    return _Display(rows=rows, columns=columns, spacing=spacing if valid else "", intercept=intercept, slope=slope)


def _value(key: KeyImage, macro: str, keyword: str) -> str:
    """The value in the image itself, or in the functional group of its frame (PS3.3 C.7.6.16)."""
    if found := text(key.source, keyword):
        return found
    per_frame = items(key.source, "PerFrameFunctionalGroupsSequence")
    position = (key.frame or 1) - 1
    groups = [*per_frame[position : position + 1], *items(key.source, "SharedFunctionalGroupsSequence")]
    values = (text(entry, keyword) for group in groups for entry in items(group, macro))
    return next((value for value in values if value), "")


def _is_number(value: str) -> bool:
    try:
        return math.isfinite(float(value))
    except ValueError:
        return False


def _state(
    request: ReportRequest, reference: ObjectReference, position: int, display: _Display, keys: list[KeyImage]
) -> Dataset:
    result = envelope(request, reference, "PR", SERIES_NUMBER)
    now = stamp_of(request)
    result.InstanceNumber = str(position)
    del result.ContentDate, result.ContentTime  # this class has times of its own
    copy_body_part(request.sources[0], result)
    result.ContentLabel = "AI RESULT"
    result.ContentDescription = series_description(request)
    result.ContentCreatorName = None
    result.PresentationCreationDate, result.PresentationCreationTime = now.date, now.time
    result.ReferencedSeriesSequence = _referenced(keys)
    result.DisplayedAreaSelectionSequence = [_displayed_area(display)]
    result.RescaleIntercept, result.RescaleSlope, result.RescaleType = display.intercept, display.slope, "HU"
    window = Dataset()
    window.WindowCenter, window.WindowWidth = f"{WINDOW_CENTRE:g}", f"{WINDOW_WIDTH:g}"
    result.SoftcopyVOILUTSequence = [window]
    result.PresentationLUTShape = "IDENTITY"
    result.GraphicAnnotationSequence = [_caption(request), *_circles(request.marks, keys)]
    layer = Dataset()
    layer.GraphicLayer, layer.GraphicLayerOrder = _LAYER, "1"
    result.GraphicLayerSequence = [layer]
    return result


def _referenced(keys: Iterable[KeyImage]) -> list[Dataset]:
    """Presentation State Relationship (PS3.3 C.11.11): each instance once, with all its frames that are meant."""
    series: dict[str, dict[str, list[KeyImage]]] = {}
    for key in keys:
        series.setdefault(text(key.source, "SeriesInstanceUID"), {}).setdefault(key.uid, []).append(key)
    entries = []
    for series_uid, instances in series.items():
        entry = Dataset()
        entry.SeriesInstanceUID = series_uid
        entry.ReferencedImageSequence = [_instance(frames) for frames in instances.values()]
        entries.append(entry)
    return entries


def _instance(keys: list[KeyImage]) -> Dataset:
    entry = image_reference(keys[0].source)
    if frames := [str(key.frame) for key in keys if key.frame is not None]:
        entry.ReferencedFrameNumber = frames
    return entry


def _displayed_area(display: _Display) -> Dataset:
    """PS3.3 C.10.4: the whole image."""
    area = Dataset()
    area.DisplayedAreaTopLeftHandCorner = [1, 1]
    area.DisplayedAreaBottomRightHandCorner = [display.columns, display.rows]
    area.PresentationSizeMode = "SCALE TO FIT"
    if display.spacing:
        area.PresentationPixelSpacing = display.spacing.split("\\")
    else:
        area.PresentationPixelAspectRatio = ["1", "1"]
    return area


def _caption(request: ReportRequest) -> Dataset:
    """The result in words on every image, in the upper left corner."""
    caption = Dataset()
    words = words_of(request)
    caption.UnformattedTextValue = plain(
        f"{series_description(request)}. {words.labels.not_for_diagnosis}. {words.marks if request.marks else ''}"
    )
    caption.BoundingBoxAnnotationUnits = "DISPLAY"
    caption.BoundingBoxTopLeftHandCorner = [0.02, 0.02]
    caption.BoundingBoxBottomRightHandCorner = [0.6, 0.12]
    caption.BoundingBoxTextHorizontalJustification = "LEFT"
    annotation = Dataset()
    annotation.GraphicLayer = _LAYER
    annotation.TextObjectSequence = [caption]
    return annotation


def _circles(marks: Iterable[Mark], keys: Iterable[KeyImage]) -> list[Dataset]:
    shown = {(key.uid, key.frame): key for key in keys}
    return [
        _circle(mark, shown[mark.sop_instance_uid, mark.frame])
        for mark in marks
        if (mark.sop_instance_uid, mark.frame) in shown
    ]


def _circle(mark: Mark, key: KeyImage) -> Dataset:
    """PS3.3 C.10.5: the origin of PIXEL is the corner of the first pixel, not its middle."""
    column, row = mark.column + 0.5, mark.row + 0.5
    circle = Dataset()
    circle.GraphicAnnotationUnits = "PIXEL"
    circle.GraphicDimensions = 2
    circle.NumberOfGraphicPoints = 2
    circle.GraphicData = [column, row, column + mark.radius, row]
    circle.GraphicType = "CIRCLE"
    circle.GraphicFilled = "N"
    annotation = Dataset()
    annotation.ReferencedImageSequence = [image_reference(key.source, key.frame)]
    annotation.GraphicLayer = _LAYER
    annotation.GraphicObjectSequence = [circle]
    return annotation
