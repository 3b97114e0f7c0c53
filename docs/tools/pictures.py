"""The pictures of docs/architecture.md. What they show is the code's; only where it stands is ours.

A role, a state or a folder that has no place here ends the drawing with a KeyError: somebody has to give it one.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import TypeVar

import svg
from code_facts import FOLDERS, allowed_imports, homes, members, packages
from svg import Box, Point

from hounsfield.daemon.roles import Role
from hounsfield.storage.states import SERIES_TRANSITIONS, TRANSITIONS, JobState, SeriesState, Stage

State = TypeVar("State", bound=StrEnum)
Action = TypeVar("Action", bound=StrEnum)

_TOP, _HEIGHT = 180, 126
_ROLES: Mapping[Role, Box] = {
    Role.RECEIVER: Box(210, _TOP, 180, _HEIGHT),
    Role.ASSEMBLER: Box(415, _TOP, 180, _HEIGHT),
    Role.WORKER: Box(620, _TOP, 180, _HEIGHT),
    Role.COURIER: Box(825, _TOP, 180, _HEIGHT),
    Role.CONSOLE: Box(1083, 12, 150, 100),
}
_DATABASE = Box(210, 30, 795, 68)
_SPOOL = Box(210, 390, 500, 66)
_RESULTS = Box(735, 390, 270, 66)
_SENDERS = Box(10, _TOP, 118, _HEIGHT)
_TAKERS = Box(1083, _TOP, 150, _HEIGHT)
_STAGES: Mapping[Stage, Role | None] = {
    Stage.RECEIVE: Role.RECEIVER,
    Stage.ASSEMBLE: Role.ASSEMBLER,
    Stage.INFER: Role.WORKER,
    Stage.REPORT: Role.WORKER,
    Stage.DELIVER: Role.COURIER,
    Stage.NOTIFY: Role.COURIER,
    Stage.OPERATE: None,
}
"""Which role does which stage; what people do belongs to none."""
_ROLES_OF_THE_WAY = (Role.RECEIVER, Role.ASSEMBLER, Role.WORKER, Role.COURIER)

_SERIES: Mapping[SeriesState, Box] = {
    SeriesState.RECEIVING: Box(90, 50, 130, 44),
    SeriesState.CLOSED: Box(530, 50, 130, 44),
    SeriesState.HELD: Box(530, 230, 130, 44),
    SeriesState.SKIPPED: Box(90, 230, 130, 44),
}
_SERIES_BENDS: Mapping[tuple[SeriesState, SeriesState], float] = {
    (SeriesState.RECEIVING, SeriesState.SKIPPED): 45,
    (SeriesState.SKIPPED, SeriesState.RECEIVING): 45,
    (SeriesState.CLOSED, SeriesState.RECEIVING): 22,
    (SeriesState.RECEIVING, SeriesState.HELD): 6,
}
_JOBS: Mapping[JobState, Box] = {
    JobState.AVAILABLE: Box(30, 230, 130, 44),
    JobState.RUNNING: Box(420, 230, 130, 44),
    JobState.COMPLETED: Box(790, 230, 130, 44),
    JobState.RETRYABLE: Box(420, 90, 130, 44),
    JobState.DISCARDED: Box(790, 90, 130, 44),
    JobState.HELD: Box(640, 380, 130, 44),
    JobState.CANCELLED: Box(225, 380, 130, 44),
}
_JOB_BENDS: Mapping[tuple[JobState, JobState], float] = {
    (JobState.DISCARDED, JobState.AVAILABLE): -150,
    (JobState.HELD, JobState.AVAILABLE): 175,
    (JobState.RETRYABLE, JobState.CANCELLED): -40,
    (JobState.RUNNING, JobState.AVAILABLE): 22,
    (JobState.AVAILABLE, JobState.CANCELLED): 18,
}
_PAIR_BEND = 32
"""How far the arrows of two states that lead to each other swing apart."""

_PACKAGES: Mapping[str, Box] = {
    "daemon": Box(170, 16, 480, 136),
    "storage": Box(16, 250, 385, 136),
    "model": Box(421, 250, 385, 136),
}


def all_pictures() -> dict[str, str]:
    """Return every picture by the name of its file."""
    return {
        "architecture.svg": way_of_the_data(),
        "packages.svg": folders(),
        "series-states.svg": series_states(),
        "job-states.svg": job_states(),
    }


def way_of_the_data() -> str:
    """Return the roles with what they hand over, from the scanner to the PACS."""
    texts = {one.value: one.words for one in members("daemon/roles.py", "Role")}
    parts = [
        svg.box(_DATABASE, "job database", "series, jobs and the event log: one transaction a change", "store", 70),
        svg.box(_SPOOL, "spool", "received images, as they came", "store", 60),
        svg.box(_RESULTS, "results", "finished objects, as they are sent", "store", 60),
        svg.box(_SENDERS, "senders", "scanner, router or PACS", "world", 12),
        svg.box(_TAKERS, "destinations", "PACS, folder, worklist, webhook", "world", 16),
        *(svg.box(_ROLES[role], str(role), texts[role], letters=15 if role is Role.CONSOLE else 20) for role in Role),
        *_arrows_of_the_way(),
        *_stages(),
    ]
    return svg.picture("way", "The way of a series from the scanner to the PACS", 1244, 510, parts)


def _arrows_of_the_way() -> Iterator[str]:
    bottom, top = _TOP + _HEIGHT, _TOP
    database, files = _DATABASE.y + _DATABASE.height, _SPOOL.y

    def at(role: Role, part: float) -> float:
        return _ROLES[role].x + _ROLES[role].width * part

    yield svg.line(_right(_SENDERS), _left(_ROLES[Role.RECEIVER]), ("C-STORE",), above=14)
    yield svg.line(
        (at(Role.RECEIVER, 0.5), bottom), (at(Role.RECEIVER, 0.5), files), ("file, synced,", "then the answer")
    )
    yield svg.badge((at(Role.RECEIVER, 0.5) - 76, (bottom + files) / 2), 1)
    yield svg.line((at(Role.RECEIVER, 0.5), top), (at(Role.RECEIVER, 0.5), database), ("row of the image",))
    yield svg.line((at(Role.ASSEMBLER, 0.5), top), (at(Role.ASSEMBLER, 0.5), database), ("series closed,", "INFER job"))
    yield svg.line((at(Role.WORKER, 0.15), database), (at(Role.WORKER, 0.15), top), ("claim",))
    yield svg.line((at(Role.WORKER, 0.66), top), (at(Role.WORKER, 0.66), database), ("completed,", "DELIVER job"))
    yield svg.badge((at(Role.WORKER, 0.66) + 64, (top + database) / 2), 2)
    yield svg.line((at(Role.WORKER, 0.25), files), (at(Role.WORKER, 0.25), bottom), ("images",))
    yield svg.line((at(Role.WORKER, 0.83), bottom), (at(Role.WORKER, 0.83), files), ("objects,", "synced"))
    yield svg.line((at(Role.COURIER, 0.25), database), (at(Role.COURIER, 0.25), top), ("claim",))
    yield svg.line((at(Role.COURIER, 0.75), top), (at(Role.COURIER, 0.75), database), ("sent,", "proven"))
    yield svg.line((at(Role.COURIER, 0.5), files), (at(Role.COURIER, 0.5), bottom), ("the same bytes", "each time"))
    yield svg.line(_right(_ROLES[Role.COURIER]), _left(_TAKERS), ("C-STORE",), above=14)
    yield svg.line(_right(_DATABASE), (_ROLES[Role.CONSOLE].x - 3, _DATABASE.centre[1]), ("reads",), above=14)


def _right(place: Box) -> Point:
    return place.x + place.width + 3, place.centre[1]


def _left(place: Box) -> Point:
    return place.x - 3, place.centre[1]


def _stages() -> Iterator[str]:
    for role in _ROLES_OF_THE_WAY:
        names = [str(stage) for stage in Stage if _STAGES[stage] is role]
        yield svg.words((_ROLES[role].centre[0], 490), " \N{RIGHTWARDS ARROW} ".join(names), "title")
    yield svg.words((16, 490), "stages", "words", "start")


def folders() -> str:
    """Return the three folders, who may import whom, and the libraries that live in one of them only."""
    texts = {one.folder: one.words for one in packages()}
    boxes = (
        svg.box(_PACKAGES[folder], f"{folder}/", f"{texts[folder]} Only here: {_libraries(folder)}.", letters=46)
        for folder in FOLDERS
    )
    arrows = (svg.curve(_PACKAGES[who], _PACKAGES[whom], ("may import",)) for who, whom in allowed_imports())
    return svg.picture("folders", "Which folder may import which", 822, 402, [*boxes, *arrows])


def _libraries(folder: str) -> str:
    places = (home for home in homes() if home.place.split(".")[0] == folder)
    return ", ".join(name for home in places for name in home.libraries)


def series_states() -> str:
    """Return the states of a series and what leads from one to the other."""
    arrows = _arrows(SERIES_TRANSITIONS, _SERIES, _SERIES_BENDS)
    boxes = (svg.box(_SERIES[state], str(state)) for state in SeriesState)
    return svg.picture("series", "The states of a series", 750, 310, [*boxes, *arrows])


def job_states() -> str:
    """Return the states of a job and what leads from one to the other."""
    boxes = (svg.box(_JOBS[state], str(state), kind="end" if state.is_final else "box") for state in JobState)
    arrows = _arrows(TRANSITIONS, _JOBS, _JOB_BENDS)
    return svg.picture("jobs", "The states of a job", 950, 520, [*boxes, *arrows])


def _arrows(
    moves: Mapping[tuple[State, Action], State], places: Mapping[State, Box], bends: Mapping[tuple[State, State], float]
) -> Iterator[str]:
    labels: dict[tuple[State, State], list[str]] = {}
    for (before, action), after in moves.items():
        labels.setdefault((before, after), []).append(str(action).replace("_", " "))
    for (before, after), actions in labels.items():
        default = _PAIR_BEND if (after, before) in labels else 0
        yield svg.curve(places[before], places[after], actions, bends.get((before, after), default))
