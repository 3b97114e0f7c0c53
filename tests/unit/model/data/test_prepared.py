import numpy as np
import pytest

from hounsfield.model.data.prepared import INDEX, TENSORS, Prepared, PreparedWriter, SeriesBlock
from hounsfield.model.errors import DataError
from hounsfield.model.preprocess import PreprocessingSpec

SPEC = PreprocessingSpec.model_validate({"name": "small", "steps": [{"name": "resize", "pixels": 16}]})
LABELS = ("any", "subdural")


def block(key, count, *, maps=True, side=16):
    rng = np.random.default_rng(len(key) + count)
    return SeriesBlock(
        key=key,
        patient=f"p-{key}",
        scanner="A",
        truth=(1.0, float("nan")),
        tensors=rng.random((count, side, side, 2)),
        names=tuple(f"{key}/{n}.dcm" for n in range(count)),
        position_mm=np.arange(count) * 5.0,
        slice_truth=np.tile(np.float32([1, np.nan]), (count, 1)),
        maps=rng.random((count, side // 4, side // 4, 1)) if maps else None,
        extra={"brain_mm2": np.full(count, 9000.0)},
    )


def written(folder, *blocks):
    with PreparedWriter(folder, LABELS, SPEC, source="random numbers") as writer:
        for one in blocks:
            writer.add(one)
        return writer.finish(clean=True)


def test_what_was_written_is_read_back_series_by_series(tmp_path):
    first, second = block("a", 3), block("bb", 4)
    prepared = written(tmp_path / "set", first, second)
    assert prepared.about.labels == LABELS
    assert (prepared.about.slices, prepared.about.series, prepared.about.clean) == (7, 2, True)
    assert prepared.index.rows_of(1) == slice(3, 7)
    assert np.array_equal(prepared.tensors[3:7], second.tensors.astype(np.float16))
    assert np.array_equal(prepared.maps[:3], first.maps.astype(np.float16))
    assert prepared.index.patient.tolist() == ["p-a", "p-bb"]
    assert np.array_equal(prepared.index.series_truth, np.float32([[1, np.nan]] * 2), equal_nan=True)
    assert prepared.index.extra["brain_mm2"].shape == (7,)


def test_the_tensors_are_mapped_and_not_read(tmp_path):
    prepared = written(tmp_path / "set", block("a", 3))
    assert isinstance(prepared.tensors, np.memmap)


def test_nothing_is_there_before_it_is_whole(tmp_path):
    def half_way(number):
        raise RuntimeError(f"the disk of series {number} is gone")

    with pytest.raises(RuntimeError), PreparedWriter(tmp_path / "set", LABELS, SPEC, source="") as writer:
        half_way(writer.add(block("a", 3)))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_already_is_left_alone(tmp_path):
    written(tmp_path / "set", block("a", 3))
    with pytest.raises(DataError, match="is there already"):
        PreparedWriter(tmp_path / "set", LABELS, SPEC, source="")


def test_series_of_different_shapes_do_not_mix(tmp_path):
    with PreparedWriter(tmp_path / "set", LABELS, SPEC, source="") as writer:
        writer.add(block("a", 3))
        with pytest.raises(ValueError, match="same shape"):
            writer.add(block("b", 3, side=32))
        with pytest.raises(ValueError, match="same shape"):
            writer.add(block("b", 3, maps=False))


@pytest.mark.parametrize("name", [TENSORS, INDEX])
def test_a_damaged_file_is_named(tmp_path, name):
    prepared = written(tmp_path / "set", block("a", 3))
    path = prepared.folder / name
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(DataError, match=name):
        Prepared.open(prepared.folder)


def test_a_data_set_without_series_is_refused(tmp_path):
    with (
        PreparedWriter(tmp_path / "set", LABELS, SPEC, source="") as writer,
        pytest.raises(DataError, match="no series"),
    ):
        writer.finish(clean=True)
