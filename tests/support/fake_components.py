"""A component store in memory, that can be down."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from hounsfield.storage.components import Component, Facts
from hounsfield.storage.errors import DatabaseUnavailable


@dataclass
class FakeComponents:
    """See :class:`~hounsfield.storage.components.ComponentStore`."""

    known: dict[str, Component] = field(default_factory=dict)
    is_down: bool = False
    on_write: Callable[[], None] = lambda: None

    def started(self, component: Component) -> int:
        self._write()
        before = self.known.get(component.name)
        starts = 1 if before is None else before.starts + 1
        self.known[component.name] = replace(component, starts=starts)
        return starts

    def seen(self, name: str, pid: int, now: datetime, facts: Facts) -> bool:
        self._write()
        if name not in self.known or self.known[name].pid != pid:
            return False
        self.known[name] = replace(self.known[name], seen_at=now, facts=facts)
        return True

    def all(self) -> list[Component]:
        return [self.known[name] for name in sorted(self.known)]

    def forget(self, before: datetime) -> int:
        gone = [name for name, one in self.known.items() if one.seen_at < before]
        for name in gone:
            del self.known[name]
        return len(gone)

    def _write(self) -> None:
        if self.is_down:
            raise DatabaseUnavailable("down")
        self.on_write()
