"""One ``results retract``: what would be done, what was done, and what could not be."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import typer

from hounsfield.daemon.cli.exits import CommandFailed
from hounsfield.daemon.cli.output import json_line, note
from hounsfield.daemon.errors import DaemonError
from hounsfield.daemon.pipeline.recall import Recalled, RecallOrder, RecallState
from hounsfield.storage.errors import StorageError

if TYPE_CHECKING:
    from hounsfield.daemon.pipeline.recall import Retractor
    from hounsfield.storage.recall import ResultLine

PROGRESS_EVERY = 100
"""Results between two lines of progress."""


@dataclass(slots=True)
class Retracting:
    """Looks first, then acts; counts both."""

    retractor: "Retractor"
    order: RecallOrder
    as_json: bool
    chosen: "list[ResultLine]" = field(default_factory=list)
    """What is to be taken back."""

    @property
    def has_work(self) -> bool:
        """Whether anything is left to take back."""
        return bool(self.chosen)

    def look(self, lines: "Sequence[ResultLine]") -> None:
        """Choose from ``lines`` what there is something to do about, and tell it."""
        found = [(line, self.retractor.preview(line.id)) for line in lines]
        self.chosen = [line for line, one in found if one.state is RecallState.RETRACTED]
        states = Counter(one.state for _, one in found)
        note(f"{len(self.chosen)} of {len(found)} results are taken back")
        if states[RecallState.ALREADY]:
            note(f"{states[RecallState.ALREADY]} were retracted before")
        if states[RecallState.NEVER_SENT]:
            note(f"{states[RecallState.NEVER_SENT]} were never to be sent anywhere")
        planned = [one for _, one in found if one.state is RecallState.RETRACTED]
        note(f"{sum(one.cancelled for one in planned)} deliveries that wait are cancelled")
        for name, count in sorted(Counter(name for one in planned for name in one.notified).items()):
            note(f"{count} rejection notes go to {name}")
        for name, count in sorted(Counter(name for one in planned for name in one.told).items()):
            note(f"{count} notifications that a result was taken back go to {name}")
        for name in sorted({name for one in planned for name in one.unconfigured}):
            note(f"{name} is not configured any more: its notes wait until it is")

    def act(self) -> None:
        """Take them back; raise :class:`CommandFailed` at the end for those that could not be."""
        failed: list[str] = []
        done = 0
        for number, line in enumerate(self.chosen, start=1):
            try:
                one = self.retractor.retract(line.id, self.order)
            except (DaemonError, StorageError) as error:
                failed.append(f"result {line.id}: {error}")
                continue
            done += one.state is RecallState.RETRACTED
            self._tell(line, one)
            if number % PROGRESS_EVERY == 0:
                note(f"{number} of {len(self.chosen)}")
        note(f"{done} results are retracted")
        if failed:
            raise CommandFailed("\n".join([f"{len(failed)} could not be taken back whole", *failed]))

    def _tell(self, line: "ResultLine", one: Recalled) -> None:
        if self.as_json:
            json_line(
                {
                    "result": line.id,
                    "job": line.job_id,
                    "state": one.state.value,
                    "cancelled": one.cancelled,
                    "notified": list(one.notified),
                    "told": list(one.told),
                    "corrected": one.corrected,
                }
            )
            return
        told = ", ".join((*one.notified, *one.told)) or "nobody had it"
        more = ", with a corrected report" if one.corrected else ""
        without = " (no corrected report could be made)" if self.order.corrected and not one.corrected else ""
        typer.echo(f"result {line.id} of job {line.job_id}: {one.state.value}; {told}{more}{without}")
