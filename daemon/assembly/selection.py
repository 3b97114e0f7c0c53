"""Which of a rule's bundles want a series, and why a series that none wants is skipped. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from hounsfield.model.bundle import Bundle
from hounsfield.model.headers import SliceHeader
from hounsfield.model.scope import scope_mismatch
from hounsfield.storage.states import Reason

_NEVER = frozenset({Reason.MODALITY, Reason.IMAGE_TYPE, Reason.MULTI_FRAME, Reason.PHANTOM})
"""What is no picture of a patient that the model could take: nothing is said about it in the PACS, whatever a rule
wants."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The bundles that shall analyse a series, or the reason there are none."""

    bundles: tuple[Bundle, ...]
    skipped: Reason | None


def select(
    headers: Sequence[SliceHeader],
    bundles: Sequence[Bundle],
    *,
    by_rule: bool,
    cut_off: bool,
    waived: Collection[Reason] = (),
) -> Selection:
    """Ask every bundle's scope. With several bundles the first one's reason stands for a skipped series.

    ``by_rule``: a rule of the site wants the series, so that what is outside the scope is reported as not analysed
    rather than skipped. A series that is too short because its transfer was ``cut_off`` is wanted too: skipping it
    would be silence about a head that was scanned.
    """
    wanting: list[Bundle] = []
    reasons: list[Reason] = []
    for bundle in bundles:
        code = scope_mismatch(headers, bundle.manifest.scope)
        mismatch = None if code is None else Reason(code)
        excused = by_rule or (cut_off and mismatch is Reason.TOO_FEW_SLICES)
        if mismatch is None or mismatch in waived or (excused and mismatch not in _NEVER):
            wanting.append(bundle)
        else:
            reasons.append(mismatch)
    if wanting:
        return Selection(tuple(wanting), None)
    return Selection((), reasons[0] if reasons else Reason.NO_BUNDLE)
