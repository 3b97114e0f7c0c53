"""Pauses in memory; they fail when told."""

from dataclasses import dataclass, field
from datetime import datetime

from hounsfield.storage.control import Part, Pause
from hounsfield.storage.errors import StorageError


@dataclass
class FakeControl:
    """A :class:`~hounsfield.storage.control.ControlStore`."""

    paused: dict[Part, Pause] = field(default_factory=dict)
    trouble: StorageError | None = None
    asked: int = 0

    def pause(self, pause: Pause) -> bool:
        return self.paused.setdefault(pause.part, pause) is pause

    def resume(self, part: Part, now: datetime, person: str = "") -> bool:
        return self.paused.pop(part, None) is not None

    def pauses(self) -> list[Pause]:
        self.asked += 1
        if self.trouble is not None:
            raise self.trouble
        return [self.paused[part] for part in Part if part in self.paused]
