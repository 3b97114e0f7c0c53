"""How often a job was refused for good, read from its events.

Attempts do not tell: they count the tries at a destination that was away, too, and questions for proof.
"""

from hounsfield.daemon.delivery.retry import is_kept, is_refused_for_good
from hounsfield.daemon.delivery.scu import SendReport
from hounsfield.storage.ports import JobStore
from hounsfield.storage.states import JobState

FOR_GOOD = "refused_for_good"
"""Key of the detail of an event."""
_PAGE = 1000


def refusal_detail(report: SendReport) -> dict[str, object]:
    """Return what the event of a try that came to nothing says: the statuses, and whether they are meant for good."""
    statuses = sorted({f"{one.status:04X}" for one in report.sent if not is_kept(one.status)})
    detail: dict[str, object] = {"statuses": statuses} if statuses else {}
    return detail | {FOR_GOOD: True} if is_refused_for_good(report) else detail


def refusals_before(jobs: JobStore, job_id: int) -> int:
    """Return how often the job was refused for good since a person last gave it a new start."""
    count = after = 0
    while page := jobs.events(after_id=after, limit=_PAGE, job_id=job_id):
        for event in page:
            if event.to_state == JobState.AVAILABLE:
                count = 0
            count += event.detail.get(FOR_GOOD) is True
        after = page[-1].id
    return count
