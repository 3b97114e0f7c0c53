"""What ``jobs stats`` counts by: the choices of its option, and the groups of its tables."""

from enum import StrEnum


class By(StrEnum):
    """What jobs are counted by."""

    SCANNER = "scanner"
    BUNDLE = "bundle"
    REASON = "reason"
    DESTINATION = "destination"
