"""What decides on series."""

from functools import cached_property
from typing import TYPE_CHECKING

from hounsfield.daemon.composition.basis import Basis

if TYPE_CHECKING:
    from hounsfield.daemon.assembly.assembler import Assembler
    from hounsfield.daemon.assembly.decider import Decider
    from hounsfield.daemon.assembly.describing import Describer
    from hounsfield.daemon.assembly.images import SeriesReader
    from hounsfield.daemon.assembly.on_disk import FilesOnDisk
    from hounsfield.daemon.assembly.rules import RuleBook
    from hounsfield.daemon.assembly.sources import JobLog, Paths, Reader, Studies
    from hounsfield.daemon.bundles.shelf import BundleShelf
    from hounsfield.daemon.query.series_counts import SeriesCounts


class Assembling(Basis):
    """The assembler and what commands need of it."""

    def assembler(self) -> "Assembler":
        """Build the assembler."""
        from hounsfield.daemon.assembly.assembler import Assembler
        from hounsfield.daemon.feedback.collector import FeedbackCollector
        from hounsfield.daemon.feedback.opinions import Opinions

        assembly, book = self.settings.assembly, self.rule_book
        reader = self.series_reader()
        return Assembler(
            series=self.database.series,
            reader=reader,
            decider=self.decider(reader, self.series_counts),
            feedback=FeedbackCollector(self.database.feedback, Opinions(self.settings.feedback)),
            earliest=book.fastest_quiet(assembly),
            max_age=min(
                [assembly.max_age_seconds, *(rule.max_age_seconds or assembly.max_age_seconds for rule in book.rules)]
            ),
            hasher=self.hasher,
            clock=self.clock,
        )

    @cached_property
    def rule_book(self) -> "RuleBook":
        """The rules of the site."""
        from hounsfield.daemon.assembly.rules import RuleBook

        return RuleBook(self.settings.rule)

    def series_reader(self) -> "SeriesReader":
        """Build what reads the headers of received series."""
        from hounsfield.daemon.assembly.images import SeriesReader
        from hounsfield.daemon.assembly.own_results import OwnResultFinder
        from hounsfield.daemon.feedback.documents import DocumentReader

        own_results = OwnResultFinder(DocumentReader(self.spool_files, self.device_uid), self.database.feedback)
        return SeriesReader(self.database.series, self.spool_files, own_results, sorted(self.rule_book.keywords))

    def decider(self, reader: "SeriesReader", counts: "SeriesCounts") -> "Decider":
        """Build what decides on series; it changes nothing."""
        return self._decider(self.database.series, self.database.jobs, reader, counts, self.spool_files, self.shelf)

    def decider_on_disk(self, files: "FilesOnDisk") -> "Decider":
        """Build what decides on files that nobody sent; no PACS is asked, the database only about bundles."""
        from hounsfield.daemon.query.series_counts import NoCounts

        return self._decider(files, files, files, NoCounts(), files, self.shelf_of_reader)

    def _decider(
        self,
        series: "Studies",
        jobs: "JobLog",
        reader: "Reader",
        counts: "SeriesCounts",
        spool: "Paths",
        shelf: "BundleShelf",
    ) -> "Decider":
        from hounsfield.daemon.assembly.candidates import Examiner
        from hounsfield.daemon.assembly.decider import Decider
        from hounsfield.daemon.assembly.identities import IsolatedIdentityReader

        identities = IsolatedIdentityReader(
            seconds=self.settings.worker.decode_timeout_seconds,
            memory_mb=self.settings.worker.decode_memory_bytes // 2**20,
        )
        return Decider(
            series=series,
            jobs=jobs,
            reader=reader,
            book=self.rule_book,
            examiner=Examiner(shelf, identities),
            counts=counts,
            identities=identities,
            spool=spool,
            settings=self.settings.assembly,
            max_attempts=self.settings.worker.max_attempts,
        )

    @cached_property
    def series_counts(self) -> "SeriesCounts":
        """What asks the PACS how many images a series has."""
        from hounsfield.daemon.query.series_counts import open_counts

        return open_counts(self.settings, self.clock, self.hasher)

    def describer(self) -> "Describer":
        """Build what gives series the keyed hashes that people find them by."""
        from hounsfield.daemon.assembly.describing import Describer

        return Describer(book=self.database.log_book, spool=self.spool_files, hasher=self.hasher, clock=self.clock)
