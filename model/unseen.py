"""Whether the preprocessing found what it was to show the model, in the slices where it has to be.

``strip`` gives zeros where it finds no brain: below the skull base, at the vertex, and also where the edge of the image
cuts the skull open. The last is no answer about the brain, and a score of zeros must not pass for one.
"""

from collections.abc import Sequence

from hounsfield.model.preprocess.steps import Step
from hounsfield.model.preprocess.strip import Strip


def unseen_problem(steps: Sequence[Step], blank: Sequence[bool]) -> str | None:
    """Return as a sentence what speaks against scores of a series; None if nothing does.

    ``blank`` says of each slice, in volume order, whether its tensor was nothing but zeros. Those of a whole head are
    at its ends (of a real one 4 of 28 below and 1 above): one in the middle half of the series, or between two that
    are not blank, was not seen.
    """
    if not any(isinstance(step, Strip) for step in steps):
        return None
    shown = [number for number, is_blank in enumerate(blank) if not is_blank]
    inside = range(shown[0], shown[-1]) if shown else range(0)
    middle = range(len(blank) // 4, -(-3 * len(blank) // 4))
    unseen = sum(is_blank and (number in inside or number in middle) for number, is_blank in enumerate(blank))
    if not unseen:
        return None
    slices = f"{unseen} slice{'' if unseen == 1 else 's'}"
    return f"No brain was found in {slices} amid the series: the edge of the images may cut the head."
