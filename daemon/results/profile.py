"""What a destination wants its objects to be like. Destinations with the same profile share one set of objects."""

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass

from hounsfield.daemon.config.destinations import (
    CaptureModality,
    Destination,
    Language,
    ReportTitle,
    ResultRole,
)
from hounsfield.storage.records import ResultObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How the objects of one result set are made. All of it goes into their UIDs: other content, another instance."""

    roles: tuple[ResultRole, ...] = ("sr", "sc")
    sr_title: ReportTitle = "measurement-report"
    sc_modality: CaptureModality = "OT"
    series_description: str = ""
    """Pattern; empty: the result in words."""
    language: Language = "en"
    code_absence: bool = False
    flagged_pages: int = 3

    @property
    def key(self) -> str:
        """Hex SHA-256 of the values; empty for the default ones, so that those keep the UIDs they have."""
        if self == Profile():
            return ""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


def profiles_of(
    destinations: Iterable[Destination], names: Collection[str] | None = None, *, is_told: bool = False
) -> tuple[Profile, ...]:
    """Return what has to be made: the profiles of the destinations, of those in ``names`` only if given.

    What is made without a destination lies in storage, where a person can look at it. ``is_told``: somebody is
    notified of the outcome, and what they are told is read from the report.
    """
    wanted = [profile_of(one) for one in destinations if names is None or one.name in names] or [Profile()]
    if is_told and not any("sr" in profile.roles for profile in wanted):
        wanted.append(Profile(roles=("sr",)))
    return tuple(dict.fromkeys(wanted))


def profile_of(destination: Destination) -> Profile:
    """Return what a destination wants."""
    return Profile(
        roles=tuple(role for role in ("sr", "sc", "ko", "pr") if role in destination.results),
        sr_title=destination.sr_title,
        sc_modality=destination.sc_modality,
        series_description=destination.series_description,
        language=destination.language,
        code_absence=destination.code_absence,
        flagged_pages=destination.flagged_pages,
    )


def objects_of(objects: Sequence[ResultObject], key: str) -> list[ResultObject]:
    """Return the objects of a profile; where there are none, those of the default one or of any other.

    They were made before the destination got its present profile: better in other words than never.
    """
    profiles = dict.fromkeys((key, "", *(one.profile for one in objects)))
    made = ([one for one in objects if one.profile == profile] for profile in profiles)
    return next((found for found in made if found), [])
