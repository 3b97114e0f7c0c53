"""What a cluster holds in the end, compared with what the scanners know and with what the PACS has."""

import hashlib
import io
from collections import Counter
from dataclasses import dataclass

from pydicom import dcmread
from support.cluster.senders import Ledger
from support.cluster.site import Cluster
from support.results_in_pacs import COMPREHENSIVE_3D_SR, evidence_series

from hounsfield.storage.spool import Spool

_RESULTS = (
    "SELECT s.series_uid, o.sop_instance_uid, o.sha256, r.id FROM result_object o "
    "JOIN result_set r ON r.id = o.result_set_id JOIN series s ON s.id = r.series_id"
)
_UNFINISHED = "SELECT count(*) FROM job WHERE state NOT IN ('COMPLETED', 'DISCARDED', 'CANCELLED')"
_OPEN = "SELECT count(*) FROM series WHERE state = 'RECEIVING'"
_ANALYSES = (
    "SELECT s.series_uid, count(*) FROM job j JOIN series s ON s.id = j.series_id WHERE j.kind = 'INFER' GROUP BY 1"
)
_CLOSED = (
    "SELECT s.series_uid, count(*) FROM event e JOIN series s ON s.id = e.series_id "
    "WHERE e.job_id IS NULL AND e.to_state = 'CLOSED' GROUP BY 1"
)
_OUTCOMES = "SELECT coalesce(outcome, state), count(*) FROM job WHERE kind = 'INFER' GROUP BY 1 ORDER BY 1"


@dataclass(frozen=True, slots=True)
class Audit:
    """Everything that must be empty is; the rest are counts."""

    images: int
    """Acknowledged SOP instances."""
    lost: frozenset[str]
    """Acknowledged, but without row, or without file, or not byte for byte as it was sent."""
    series: int
    without_result: frozenset[str]
    """Series Instance UIDs that no report in the PACS names."""
    with_several: frozenset[str]
    """Named by more than one report in the PACS, or with more than one result set, analysis or end of assembly."""
    changed: frozenset[str]
    """Result objects of which the PACS has none, or another one, than what lies in the files and the job log."""
    foreign: frozenset[str]
    """Instances in the PACS that no result set has."""
    unfinished: int
    outcomes: dict[str, int]

    @property
    def is_flawless(self) -> bool:
        found = (self.lost, self.without_result, self.with_several, self.changed, self.foreign)
        return not any(found) and self.unfinished == 0


def is_settled(cluster: Cluster, ledger: Ledger) -> bool:
    """Whether every complete series has been analysed and delivered, and no job is left to do."""
    database = cluster.database
    if database.rows(_UNFINISHED)[0][0] or database.rows(_OPEN)[0][0]:
        return False
    with_results = {uid for uid, *_ in database.rows(_RESULTS)}
    return all(series.series_uid in with_results for series in ledger.complete)


def audit(cluster: Cluster, ledger: Ledger) -> Audit:
    """Compare rows, files and the PACS with what the scanners know."""
    results = cluster.database.rows(_RESULTS)
    kept = {uid: cluster.pacs.get(f"/instances/{name}/file") for uid, name in cluster.pacs.instances().items()}
    wanted = {series.series_uid for series in ledger.complete}
    reports = _reports(kept)
    sets = Counter({uid: len({one[3] for one in results if one[0] == uid}) for uid in wanted})
    jobs, closed = dict(cluster.database.rows(_ANALYSES)), dict(cluster.database.rows(_CLOSED))
    several = {uid for uid in wanted if max(reports[uid], sets[uid], jobs.get(uid, 0), closed.get(uid, 0)) > 1}
    return Audit(
        images=len(ledger.acknowledged),
        lost=frozenset(set(ledger.acknowledged) - _kept_images(cluster, ledger)),
        series=len(wanted),
        without_result=frozenset(uid for uid in wanted if not reports[uid]),
        with_several=frozenset(several),
        changed=frozenset(uid for _, uid, sha256, _ in results if not _is_same(cluster, uid, sha256, kept.get(uid))),
        foreign=frozenset(set(kept) - {uid for _, uid, _, _ in results}),
        unfinished=int(cluster.database.rows(_UNFINISHED)[0][0]),
        outcomes=dict(cluster.database.rows(_OUTCOMES)),
    )


def _kept_images(cluster: Cluster, ledger: Ledger) -> set[str]:
    """Return the SOP Instance UIDs that have a row and a file with the bytes that were sent."""
    spool, there = Spool(cluster.spool), set()
    for digest, instance in cluster.database.rows("SELECT digest, sop_instance_uid FROM instance"):
        content = spool.path(digest).read_bytes() if spool.path(digest).exists() else None
        if content is None:
            continue
        if hashlib.sha256(content[spool.head(digest).length :]).hexdigest() == ledger.sha256.get(instance):
            there.add(instance)
    return there


def _reports(kept: dict[str, bytes]) -> Counter[str]:
    """Return how many reports in the PACS name each series as their evidence."""
    found: Counter[str] = Counter()
    for content in kept.values():
        result = dcmread(io.BytesIO(content))
        if result.SOPClassUID == COMPREHENSIVE_3D_SR:
            found.update(set(evidence_series(result)))
    return found


def _is_same(cluster: Cluster, uid: str, sha256: str, in_pacs: bytes | None) -> bool:
    """Whether a result lies on disk with the bytes of the job log, and in the PACS with the same elements."""
    file = cluster.shared / "results" / f"{uid}.dcm"
    if in_pacs is None or not file.exists() or hashlib.sha256(file.read_bytes()).hexdigest() != sha256:
        return False
    return bool(dcmread(io.BytesIO(in_pacs)) == dcmread(file))
