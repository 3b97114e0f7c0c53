from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hounsfield.model.data.prepared import Index
from hounsfield.model.errors import TrainingError
from hounsfield.model.train.config import SplitChoice
from hounsfield.model.train.split import Part, split_series, write_split


def index_of(patients: list[str]) -> Index:
    count = len(patients)
    return Index(
        series=np.arange(count, dtype=np.int32),
        position_mm=np.zeros(count, np.float32),
        truth=np.zeros((count, 1), np.float32),
        names=np.array([f"{one}.dcm" for one in range(count)]),
        series_key=np.array([f"s{one}" for one in range(count)]),
        series_truth=np.zeros((count, 1), np.float32),
        patient=np.array(patients),
        scanner=np.array([""] * count),
        extra={},
    )


def truth_of(values: list[float]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.array(values, np.float32)[:, None]


@given(
    st.lists(st.tuples(st.integers(0, 40), st.sampled_from([0.0, 1.0, float("nan")])), min_size=40, max_size=90),
    st.integers(0, 1000),
)
@settings(max_examples=60, deadline=None)
def test_no_patient_is_on_two_sides_and_the_order_of_series_does_not_matter(
    drawn: list[tuple[int, float]], seed: int
) -> None:
    patients = [f"p{number}" for number, _ in drawn] + [f"q{number}" for number in range(12)]
    truth = [value for _, value in drawn] + [0.0, 1.0] * 6
    split = split_series(index_of(patients), truth_of(truth), SplitChoice(seed=seed))
    side = dict(zip(patients, split.parts, strict=True))
    assert all(side[patient] is part for patient, part in zip(patients, split.parts, strict=True))
    turned = split_series(index_of(patients[::-1]), truth_of(truth[::-1]), SplitChoice(seed=seed))
    assert turned.parts == split.parts[::-1]


def test_positive_and_other_patients_are_divided_alike() -> None:
    patients = [f"p{number:03}" for number in range(200)]
    truth = [1.0 if number < 20 else 0.0 for number in range(200)]
    split = split_series(index_of(patients), truth_of(truth), SplitChoice(validation=0.2, test=0.1))
    positive = {part: sum(truth[series] for series in split.series(part)) for part in Part}
    assert positive == {Part.TRAIN: 14, Part.VALIDATION: 4, Part.TEST: 2}
    assert [len(split.series(part)) for part in Part] == [140, 40, 20]


def test_another_seed_is_another_split_and_the_same_seed_the_same() -> None:
    patients, truth = [f"p{number}" for number in range(60)], truth_of([0.0, 1.0] * 30)
    splits = [split_series(index_of(patients), truth, SplitChoice(seed=seed)).parts for seed in (1, 1, 2)]
    assert splits[0] == splits[1]
    assert splits[0] != splits[2]


def test_a_split_that_was_written_can_be_given_again(tmp_path: Path) -> None:
    index, truth = index_of([f"p{number // 2}" for number in range(40)]), truth_of([0.0] * 40)
    split = split_series(index, truth, SplitChoice(seed=5))
    write_split(tmp_path / "split.csv", index, split)
    assert split_series(index, truth, SplitChoice(file=tmp_path / "split.csv")).parts == split.parts


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("patient,part\np0,train\np9,test\n", "line 3: no such patient"),
        ("patient,part\np0,training\n", "line 2: part must be"),
        ("patient,part\np0,train\n", "says nothing about 1 patients"),
        ("series,part\ns0,train\ns1,validation\ns2,test\n", "line 3: this patient stands in two parts"),
        ("patient,side\np0,train\n", "must have the columns part"),
        ("patient,part\np0,train\np1,train\n", "no patient is left for validation"),
    ],
)
def test_a_split_file_that_cannot_be_used_is_named_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "split.csv"
    file.write_text(text)
    with pytest.raises(TrainingError, match=words):
        split_series(index_of(["p0", "p0", "p1"]), truth_of([0.0, 0.0, 1.0]), SplitChoice(file=file))


def test_too_few_patients_are_refused() -> None:
    with pytest.raises(TrainingError, match="no patient is left for validation"):
        split_series(index_of(["p0", "p1"]), truth_of([0.0, 1.0]), SplitChoice())
