"""The one table of transitions."""

import pytest

from hounsfield.storage.states import TRANSITIONS, IllegalTransition, JobAction, JobState, next_state

ALL = [(state, action) for state in JobState for action in JobAction]


@pytest.mark.parametrize(("state", "action"), ALL)
def test_a_job_goes_only_where_the_table_says(state: JobState, action: JobAction) -> None:
    if (state, action) in TRANSITIONS:
        assert next_state(state, action) is TRANSITIONS[state, action]
    else:
        with pytest.raises(IllegalTransition, match=f"{state} cannot take '{action}'"):
            next_state(state, action)


def test_only_a_person_moves_a_job_that_ended() -> None:
    final = {action for state, action in TRANSITIONS if state.is_final}
    assert final == {JobAction.REQUEUE}


def test_a_completed_job_stays_completed() -> None:
    assert not [action for state, action in TRANSITIONS if state is JobState.COMPLETED]


def test_a_job_runs_only_by_a_claim() -> None:
    assert {action for (_, action), after in TRANSITIONS.items() if after is JobState.RUNNING} == {JobAction.CLAIM}


def test_every_state_can_be_reached_from_available() -> None:
    reached = {JobState.AVAILABLE}
    for _ in JobState:
        reached |= {after for (before, _), after in TRANSITIONS.items() if before in reached}
    assert reached == set(JobState)
