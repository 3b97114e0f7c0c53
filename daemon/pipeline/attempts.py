"""What follows a failed attempt at an analysis: pure decisions, no clock and no database."""

from datetime import timedelta
from enum import IntEnum

LONGEST_PAUSE_SECONDS = 30


class Leaving(IntEnum):
    """Exit status of a worker that ends itself, so that whatever its model holds is really free."""

    HUNG = 70
    """A job did not end in its time."""
    OUT_OF_MEMORY = 71
    """The model needs more memory than there is; the next process tries fewer slices at once."""
    DEVICE_LOST = 72
    """The device is gone; the next process looks for another one."""


def pause_before_next(attempts: int, max_attempts: int) -> timedelta | None:
    """Return how long the next attempt waits after ``attempts`` have failed; None when there is no further one."""
    if attempts >= max_attempts:
        return None
    return timedelta(seconds=min(1 << min(max(attempts - 1, 0), 5), LONGEST_PAUSE_SECONDS))


def batch_of(attempt: int, batch: int) -> int:
    """Return how many slices are scored at once in an attempt (from 1): half as many each time, at least one.

    Whether the one before failed for want of memory is not asked: a process that the kernel ended cannot say so.
    """
    return max(1, batch >> min(max(attempt - 1, 0), 30))
