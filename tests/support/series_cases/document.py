"""The table of cases in docs/series-handling.md, written from the very rows that are tested.

``PYTHONPATH=tests .venv/bin/python -m support.series_cases.document`` writes it anew.
"""

import sys
from pathlib import Path

from support.series_cases.case import Answer, Becomes, Case
from support.series_cases.table import TOPICS

from hounsfield.storage.states import REASON_WORDS, JobState, Outcome, Reason, SeriesState

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "series-handling.md"
BEGIN, END = "<!-- cases: begin -->", "<!-- cases: end -->"


def table() -> str:
    """Return the generated part of the document."""
    return "\n\n".join(f"### {topic}\n\n{_rows(cases)}" for topic, cases in TOPICS.items())


def _rows(cases: tuple[Case, ...]) -> str:
    head = "| what comes | the series | result | settings |\n|---|---|---|---|"
    return "\n".join([head, *(row(case) for case in cases)])


def row(case: Case) -> str:
    """Return the row of one case."""
    series = "; ".join(dict.fromkeys(_series(one) for one in case.becomes))
    settings = ", ".join(f"`{name}`" for name in case.settings)
    return f"| {case.name} | {series} | {_results(case)} | {settings} |"


def _series(becomes: Becomes) -> str:
    revision = f", revision {becomes.revision}" if becomes.revision > 1 else ""
    if becomes.state is SeriesState.CLOSED:
        reason = f"({becomes.reason})" if becomes.reason else ""
        return f"{becomes.state} {becomes.completeness}{reason}{revision}"
    return f"{becomes.state}({becomes.reason}){revision}"


def _results(case: Case) -> str:
    counted = [found for one in case.becomes if (found := _answers(one))]
    if len(counted) > 1 and len(set(counted)) == 1:
        counted = [f"{len(counted)} x {counted[0]}"]
    return "; ".join([*(counted or ["none"]), *([case.means] if case.means else [])])


def _answers(becomes: Becomes) -> str:
    answers = ", then ".join(_answer(job) for job in becomes.jobs if job is not JobState.CANCELLED)
    return f"{answers}, before it was held" if answers and becomes.state is SeriesState.HELD else answers


def _answer(answer: Answer) -> str:
    if isinstance(answer, Reason):
        return f"NOT ANALYSED - {REASON_WORDS[answer]}"
    return "analysed" if isinstance(answer, Outcome) else str(answer)


def with_table(text: str) -> str:
    """Return the document with its generated part as it has to be."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


if __name__ == "__main__":
    DOCUMENT.write_text(with_table(DOCUMENT.read_text()))
    sys.stdout.write(f"{DOCUMENT.name} written\n")
