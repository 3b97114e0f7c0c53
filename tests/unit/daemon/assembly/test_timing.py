"""How long a series is waited for."""

from datetime import UTC, datetime

import pytest

from hounsfield.daemon.assembly.quiet import Quiet
from hounsfield.daemon.assembly.timing import Timing
from hounsfield.daemon.config.assembly import AssemblySettings
from hounsfield.daemon.config.rules import Rule
from hounsfield.storage.records import AssociationRecord
from hounsfield.storage.states import AssociationEnding

ENDINGS = list(AssociationEnding)


def associations(*endings: AssociationEnding) -> list[AssociationRecord]:
    return [
        AssociationRecord(
            id=f"a{number}",
            receiver="r",
            calling_ae="CT",
            called_ae="HOUNSFIELD",
            peer_address="127.0.0.1",
            opened_at=datetime(2026, 1, 1, tzinfo=UTC),
            ending=ending,
        )
        for number, ending in enumerate(endings)
    ]


def timing(**own: object) -> Timing:
    rule = Rule(name="head", bundle=["ich"], **own)  # type: ignore[arg-type]
    return Timing.of(rule, AssemblySettings(quiet_seconds=10, released_seconds=4, max_age_seconds=100))


def test_what_a_rule_leaves_open_comes_from_the_assembly_section() -> None:
    assert timing(quiet_seconds=30.0).quiet == 30.0
    assert timing(quiet_seconds=30.0).released == 4.0
    assert timing(quiet_seconds=30.0).max_age == 100.0
    assert timing(wait_seconds=0.0).wait == 0.0


def test_each_time_of_a_rule_comes_before_the_one_of_the_section() -> None:
    others = [{"SeriesDescription": "Scout"}]
    own = timing(
        incomplete_wait_seconds=7.0, max_age_seconds=50.0, released_seconds=1.0, requires=others, force_seconds=20.0
    )
    assert (own.incomplete_wait, own.max_age, own.force, own.released) == (7.0, 50.0, 20.0, 1.0)
    usual = timing()
    section = AssemblySettings()
    assert (usual.incomplete_wait, usual.wait) == (section.incomplete_wait_seconds, section.wait_seconds)
    assert usual.force == usual.max_age == 100.0


def test_the_shorter_period_never_exceeds_the_quiet_period() -> None:
    assert timing(quiet_seconds=2.0).released == 2.0


def test_the_end_of_all_associations_shortens_the_quiet_period() -> None:
    ended = associations(AssociationEnding.RELEASED, AssociationEnding.RELEASED)
    assert timing().until_quiet(Quiet(quiet=3.0, age=3.0), ended) == 1.0
    assert timing().until_quiet(Quiet(quiet=4.0, age=4.0), ended) == 0.0


@pytest.mark.parametrize("other", [one for one in ENDINGS if one is not AssociationEnding.RELEASED])
def test_one_association_that_was_not_released_keeps_the_whole_quiet_period(other: AssociationEnding) -> None:
    ended = associations(AssociationEnding.RELEASED, other)
    assert timing().until_quiet(Quiet(quiet=4.0, age=4.0), ended) == 6.0


def test_a_series_whose_associations_are_unknown_keeps_the_whole_quiet_period() -> None:
    assert timing().until_quiet(Quiet(quiet=4.0, age=4.0), []) == 6.0


def test_a_series_that_never_falls_quiet_is_decided_on_at_its_greatest_age() -> None:
    assert not timing().is_too_old(Quiet(quiet=0.0, age=99.0))
    assert timing().is_too_old(Quiet(quiet=0.0, age=100.0))
