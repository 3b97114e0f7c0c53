"""Every case, under the heading it has in docs/series-handling.md."""

from support.series_cases import choice, copies, kinds, people, values, wholeness
from support.series_cases.case import Case

TOPICS: dict[str, tuple[Case, ...]] = {
    "Copies, transfers, late slices": copies.CASES,
    "What kind of series it is": kinds.CASES,
    "Whole, in order, where it says": wholeness.CASES,
    "Pixels": values.CASES,
    "Patients": people.CASES,
    "Rules, reconstructions, people": choice.CASES,
}
CASES = tuple(case for cases in TOPICS.values() for case in cases)
