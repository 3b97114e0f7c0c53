"""The words people read. JSON keeps the values of the job log; texts never say what a result does not prove."""

from hounsfield.storage.states import REASON_WORDS, Outcome, Reason

VERDICT_WORDS: dict[Outcome, str] = {
    Outcome.POSITIVE: "FLAGGED",
    Outcome.NEGATIVE: "NOT FLAGGED",
    Outcome.NOT_ANALYSED: "NOT ANALYSED",
}


def reason_words(reason: Reason | None) -> str:
    """Return the words of a coded reason; the code itself where it has none."""
    return "" if reason is None else REASON_WORDS.get(reason, reason.value)


def verdict(outcome: Outcome | None, reason: Reason | None = None) -> str:
    """Return ``FLAGGED``, ``NOT FLAGGED``, ``NOT ANALYSED (slices missing)``, or nothing without an outcome."""
    if outcome is None:
        return ""
    if outcome is Outcome.NOT_ANALYSED and reason is not None:
        return f"{VERDICT_WORDS[outcome]} ({reason_words(reason)})"
    return VERDICT_WORDS[outcome]


def number(value: float | None, digits: int = 2) -> str:
    """Return a number for a table; nothing for None."""
    return "" if value is None else f"{value:.{digits}f}"
