"""Whether the preprocessing found what it was to show the model, in the slices where it has to be.

``strip`` gives zeros where it finds no brain: below the skull base, at the vertex, and also where the edge of the image
cuts the skull open. The last is no answer about the brain, and a score of zeros must not pass for one.
"""

from collections.abc import Sequence
from itertools import groupby

from hounsfield.model.preprocess.steps import Step
from hounsfield.model.preprocess.strip import Strip

_ISLAND_SHARE = 0.05
"""Of the slices of a series: brain that shows through openings of the skull base is no longer than that."""


def unseen_problem(steps: Sequence[Step], blank: Sequence[bool]) -> str | None:
    """Return as a sentence what speaks against scores of a series; None if nothing does.

    ``blank`` says of each slice, in volume order, whether its tensor was nothing but zeros. Those of a whole head are
    at its ends (of a real one 4 of 28 below and 1 above): one in the middle half of the series, or amid the head, was
    not seen. Where the series ends beyond the head, a few slices with brain among the blank ones are no part of the
    head yet: the skull base has openings.
    """
    if not any(isinstance(step, Strip) for step in steps):
        return None
    first, last = _beyond(blank), len(blank) - _beyond(blank[::-1])
    middle = range(len(blank) // 4, -(-3 * len(blank) // 4))
    unseen = sum(is_blank and (first <= number < last or number in middle) for number, is_blank in enumerate(blank))
    if not unseen:
        return None
    slices = f"{unseen} slice{'' if unseen == 1 else 's'}"
    return f"No brain was found in {slices} amid the series: the edge of the images may cut the head."


def _beyond(blank: Sequence[bool]) -> int:
    """Return how many slices lie before the head: blank ones, and islands between them."""
    longest = int(_ISLAND_SHARE * len(blank))
    beyond = 0
    for is_blank, some in groupby(blank):
        length = len(list(some))
        if not is_blank and (beyond == 0 or length > longest):
            break
        beyond += length
    return beyond
