"""What is known of a series besides the geometry of its slices: from its receipts, its associations and the PACS."""

from dataclasses import replace

from hounsfield.daemon.assembly.completeness import Evidence
from hounsfield.daemon.assembly.decision import SOON, Wait
from hounsfield.daemon.assembly.images import SeriesImages
from hounsfield.daemon.assembly.quiet import Quiet
from hounsfield.daemon.assembly.timing import Timing
from hounsfield.daemon.config.assembly import AssemblySettings
from hounsfield.daemon.config.rules import Rule
from hounsfield.daemon.query.series_counts import PENDING, Known, SeriesCounts


class EvidenceGatherer:
    """Gathers what :func:`~hounsfield.daemon.assembly.completeness.judge` is given."""

    def __init__(self, counts: SeriesCounts, settings: AssemblySettings) -> None:
        self._counts = counts
        self._settings = settings

    def gather(self, images: SeriesImages, rule: Rule, standing: Quiet | None) -> Evidence | Wait:
        """Return what is known now; ``standing`` is None for a series that was closed before."""
        record = images.series
        evidence = Evidence(
            headers=images.headers,
            associations=images.associations,
            unreadable=images.unreadable,
            received=record.instances,
        )
        if standing is None:
            return evidence
        known = self._counts.ask(images.headers[0].study_uid, record.series_uid, record.version)
        if known is PENDING:
            return Wait(seconds=SOON / 4, why="the number of images from the PACS")
        left = Timing.of(rule, self._settings).until_quiet(standing, images.associations)
        return replace(
            evidence,
            known=known.images if isinstance(known, Known) else None,
            still_receiving=left > 0,
            quiet_seconds=standing.quiet,
        )
