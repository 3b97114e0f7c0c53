from pathlib import Path

import numpy as np
import pytest
from support.training_sets import PIXELS, blob, config_of, write_set

from hounsfield.model.data.prepared import Prepared
from hounsfield.model.errors import TrainingError
from hounsfield.model.preprocess import Preprocessor
from hounsfield.model.train.config import DataChoice
from hounsfield.model.train.view import View


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return write_set(tmp_path_factory.mktemp("set") / "p", blob, 4)


def choice(**changes: int | bool) -> DataChoice:
    return config_of(Path("p"), data=dict(changes)).data


def test_neighbours_are_channels_lowest_first_and_the_ends_repeat(prepared: Prepared) -> None:
    view = View.of(prepared, choice(neighbours=1))
    assert view.shape == (PIXELS, PIXELS, 3)
    first_of_second, last_of_second = 6, 11
    low, high = view.images(np.array([first_of_second, last_of_second]))
    expected = prepared.tensors[[6, 6, 7, 10, 11, 11], ..., 0].astype(np.float32)
    assert np.array_equal(np.moveaxis(low, -1, 0), expected[:3])
    assert np.array_equal(np.moveaxis(high, -1, 0), expected[3:])


def test_another_size_is_what_the_preprocessing_of_the_bundle_makes(prepared: Prepared) -> None:
    view = View.of(prepared, choice(size=24, neighbours=1))
    hu = np.random.default_rng(3).integers(-50, 120, (64, 64)).astype(np.int16)
    served = Preprocessor.from_spec(view.preprocessing).tensor(hu, (1.0, 1.0))
    as_prepared = Preprocessor.from_spec(prepared.about.preprocessing).tensor(hu, (1.0, 1.0))
    assert np.array_equal(View._resized(as_prepared, 24), served)
    assert view.images(np.array([0])).shape == (1, 24, 24, 3) == (1, *view.shape)


def test_a_slice_of_a_negative_series_is_negative_and_a_positive_slice_makes_a_series_positive(tmp_path: Path) -> None:
    nan = float("nan")
    told = iter([(0.0,), (nan,), (nan,), (1.0,)])
    truths = iter([[nan, nan], [nan, 1.0], [0.0, 0.0], [nan, nan]])

    def draw(_: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
        return np.zeros((2, PIXELS, PIXELS, 1), np.float32), np.array(next(truths), np.float32)[:, None]

    view = View.of(write_set(tmp_path / "p", draw, 4, series_truth=lambda _: next(told)), choice())
    assert view.truth[:, 0].tolist() == pytest.approx([0, 0, nan, 1, 0, 0, nan, nan], nan_ok=True)
    assert view.series_truth[:, 0].tolist() == [0, 1, 0, 1]


def test_a_data_set_that_was_not_found_clean_is_refused_unless_told(tmp_path: Path) -> None:
    dirty = write_set(tmp_path / "p", blob, 1, clean=False)
    with pytest.raises(TrainingError, match="allow_unclean"):
        View.of(dirty, choice())
    assert View.of(dirty, choice(allow_unclean=True)).shape == (PIXELS, PIXELS, 1)
