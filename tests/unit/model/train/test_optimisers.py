from typing import Any

import numpy as np
import pytest

from hounsfield.model.train.config import OptimiserChoice, ScheduleChoice
from hounsfield.model.train.optimisers import build_optimiser, rate_at

pytestmark = pytest.mark.heavy

NAMES = OptimiserChoice.model_fields["name"].annotation.__args__  # type: ignore[union-attr]


@pytest.mark.parametrize("name", NAMES)
def test_every_named_optimiser_goes_downhill(name: str) -> None:
    import keras

    choice = OptimiserChoice.model_validate({"name": name, "rate": 0.05, "weight_decay": 0.001})
    optimiser = build_optimiser(choice)
    weight = keras.Variable(np.array([3.0, -2.0], np.float32))
    optimiser.build([weight])
    before = float(np.square(weight.numpy()).sum())
    for _ in range(3):
        optimiser.apply_gradients([(2 * weight.value, weight)])
    assert float(np.square(weight.numpy()).sum()) < before


def rates(choice: dict[str, Any], *epochs: float) -> list[float]:
    return [rate_at(ScheduleChoice.model_validate(choice), 0.1, epoch, 10) for epoch in epochs]


def test_schedules_are_what_their_names_say() -> None:
    assert rates({"name": "constant"}, 0, 9.9) == [0.1, 0.1]
    assert rates({"name": "step", "every": 4, "factor": 0.5}, 0, 3.9, 4, 8) == pytest.approx([0.1, 0.1, 0.05, 0.025])
    assert rates({"name": "exponential", "every": 2, "factor": 0.25}, 0, 1, 2) == pytest.approx([0.1, 0.05, 0.025])
    assert rates({"name": "cosine", "end": 0.0}, 0, 5, 10) == pytest.approx([0.1, 0.05, 0.0], abs=1e-9)


def test_a_warm_up_rises_and_the_schedule_follows() -> None:
    rising = rates({"name": "cosine", "warm_up": 2, "end": 0.1}, 0, 1, 2, 10)
    assert 0 < rising[0] < 0.001
    assert rising[1] == pytest.approx(0.05, rel=0.01)
    assert rising[2:] == pytest.approx([0.1, 0.01])
