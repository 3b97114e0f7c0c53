"""How the database names who did something: printable, and never too long."""

LONGEST_PERSON = 128
"""Characters kept of a name."""


def printable(text: str, longest: int) -> str:
    """Return a text without control characters, cut off after so many others."""
    return "".join(letter for letter in text if letter.isprintable())[:longest]


def person_of(name: str) -> str:
    """Return a name as columns and events hold it."""
    return printable(name, LONGEST_PERSON)


def by_person(name: str) -> dict[str, object]:
    """Return what the detail of an event says of who did it; nothing for nobody."""
    kept = person_of(name)
    return {"by": kept} if kept else {}
