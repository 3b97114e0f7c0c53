"""Tasks that end the process they run in. Little is imported here, since every new process imports it."""

import os


def squared_or_dead(number: int) -> int:
    """3 is the death of the process that gets it."""
    if number == 3:
        os._exit(9)
    return number * number


def dead() -> None:
    """Ends the process that begins so."""
    os._exit(9)
