import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hounsfield.model.data.phantoms import LABELS, truth
from hounsfield.model.data.prepared import Prepared, PreparedWriter, SeriesBlock
from hounsfield.model.networks import NetworkSpec, export_encoder
from hounsfield.model.train.demo.fit import settle, train_encoder
from hounsfield.model.train.demo.recipe import STRIP, Recipe
from hounsfield.model.train.demo.sampler import Sampler, augmented, by_label
from hounsfield.model.train.demo.vectors import (
    Read,
    drawn,
    encoding,
    read,
    same_change,
    scores,
    train_sequence,
    with_steps,
)
from hounsfield.model.train.keras_file import keras_bytes

pytestmark = pytest.mark.heavy

NETWORK = NetworkSpec(shape=(32, 32, 2), labels=len(LABELS), maps=len(LABELS), width=0.5)
TINY = Recipe(seed=5, steps=3, batch=16, network=NETWORK, sequence_steps=3, sequence_batch=4, views=2, units=4)


def heads(folder: Path, count: int = 16, slices: int = 6, step_mm: float = 5.0) -> Prepared:
    """Blobs: every second head has a bright square, of one kind, in its upper half."""
    rng = np.random.default_rng(1)
    with PreparedWriter(folder, LABELS, STRIP, source="blobs") as writer:
        for number in range(count):
            tensors = rng.normal(0, 0.1, (slices, 32, 32, 2))
            maps, lesion = np.zeros((slices, 8, 8, 1)), np.zeros((slices, len(LABELS)), np.float32)
            if number % 2:
                upper = slice(slices // 2, None)
                tensors[upper, 8:16, 8:16] += 1
                maps[upper, 2:4, 2:4] = 1
                lesion[upper, [0, 1 + number // 2 % 5]] = 100.0
            writer.add(
                SeriesBlock(
                    key=f"h{number}",
                    patient=f"h{number}",
                    scanner="",
                    truth=tuple(truth(lesion.max(axis=0)).tolist()),
                    tensors=tensors,
                    names=tuple(f"h{number}/{k}" for k in range(slices)),
                    position_mm=np.arange(slices) * step_mm,
                    slice_truth=truth(lesion),
                    maps=maps,
                    extra={"lesion_mm2": lesion, "brain_mm2": np.full(slices, 9000.0, np.float32)},
                )
            )
        return writer.finish(clean=True)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return heads(tmp_path_factory.mktemp("blobs") / "set")


def test_two_trainings_with_one_seed_are_bit_equal(data: Prepared) -> None:
    files = []
    for _ in range(2):
        settle(TINY.seed)
        encoder = export_encoder(train_encoder(data, TINY))
        sequence = train_sequence(read(encoder, data, 2, TINY.seed), TINY)
        files.append((keras_bytes(encoder), keras_bytes(sequence)))
    assert files[0] == files[1]
    members = zipfile.ZipFile(io.BytesIO(files[0][0])).namelist()
    assert sorted(members) == ["config.json", "metadata.json", "model.weights.h5"]


def test_training_learns_what_is_easy(data: Prepared) -> None:
    settle(1)
    seen: list[tuple[int, float]] = []
    recipe = replace(TINY, steps=50, sequence_steps=120, sequence_batch=8, sequence_rate=1e-2)
    encoder = export_encoder(train_encoder(data, recipe, lambda step, loss: seen.append((step, loss)), every=25))
    assert [step for step, _ in seen] == [25, 50]
    assert seen[-1][1] < seen[0][1]
    sequence = train_sequence(read(encoder, data, 2, 1), recipe)
    slices, series = scores(encoder, sequence, data)
    positive = data.index.truth[:, 0] == 1
    assert slices[positive, 0].mean() > slices[~positive, 0].mean() + 0.2
    assert series.shape == (16, len(LABELS))
    bleeding = data.index.series_truth[:, 0] == 1
    assert series[bleeding, 0].mean() > series[~bleeding, 0].mean() + 0.1


def test_half_of_a_batch_is_positive_and_batches_drawn_ahead_are_the_same(data: Prepared) -> None:
    batch = Sampler(data, 16, 1).draw()
    assert batch.tensors.shape == (16, 32, 32, 2)
    assert (batch.truth[:8, 0] == 1).all()
    assert (batch.truth[8:] == 0).all()
    assert not batch.maps[8:].any()
    (ahead,) = Sampler(data, 16, 1).ahead(1)
    assert np.array_equal(ahead.tensors, batch.tensors)
    assert np.array_equal(ahead.maps, batch.maps)


def test_what_fails_while_batches_are_drawn_ahead_is_raised(data: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    sampler = Sampler(data, 16, 1)
    monkeypatch.setattr(sampler, "draw", lambda: (_ for _ in ()).throw(OSError("the disk is gone")))
    with pytest.raises(OSError, match="the disk is gone"):
        next(sampler.ahead(3))


def test_a_set_with_one_class_is_refused(tmp_path: Path) -> None:
    only = heads(tmp_path / "one", count=1)
    with pytest.raises(ValueError, match="with and without"):
        Sampler(only, 8, 1)


def test_the_map_moves_with_the_slice() -> None:
    rng = np.random.default_rng(2)
    for _ in range(40):
        tensor, lesion = np.full((96, 96, 2), 0.01, np.float32), np.zeros((24, 24), np.float32)
        tensor[32:56, 40:60], lesion[8:14, 10:15] = 1, 1
        moved, there = augmented(rng, tensor, lesion)
        rows, columns = np.nonzero(moved[..., 0] > 0.6)
        cell_rows, cell_columns = np.nonzero(there > 0.5)
        assert abs(rows.mean() - (cell_rows.mean() * 4 + 1.5)) < 2.5
        assert abs(columns.mean() - (cell_columns.mean() * 4 + 1.5)) < 2.5


def test_a_map_belongs_to_a_kind_only_where_there_is_one_kind() -> None:
    lesion = np.ones((3, 2, 2, 1), np.float32)
    present = np.array([[1, 1, 0], [1, 1, np.nan], [0, 0, 0]], np.float32)
    lesion[2] = 0
    maps = by_label(lesion, present)
    assert (maps[..., 0] == lesion[..., 0]).all()
    assert (maps[0, ..., 1] == 1).all()
    assert (maps[0, ..., 2] == 0).all()
    assert np.isnan(maps[1, ..., 1:]).all()
    assert not maps[2].any()


def test_a_series_is_changed_as_a_whole_and_nothing_appears_outside_the_brain() -> None:
    tensors = np.zeros((4, 16, 16, 2), np.float32)
    tensors[:, 4:9, 2:7] = 0.5
    changed = [same_change(np.random.default_rng(seed), tensors) for seed in range(12)]
    places = [{tuple(np.flatnonzero(one.any(axis=(0, 3)).any(axis=0))) for one in each[:, None]} for each in changed]
    assert all(len(place) == 1 for place in places)
    assert {place.pop() for place in places} == {(2, 3, 4, 5, 6), (9, 10, 11, 12, 13)}


def test_a_fine_series_is_read_as_a_coarser_one_too(tmp_path: Path) -> None:
    fine = heads(tmp_path / "fine", count=2, slices=9, step_mm=3.0)
    settle(1)
    encoder = export_encoder(train_encoder(fine, replace(TINY, steps=1)))
    given = read(encoder, fine, 1, 3)
    assert sorted(len(one.vectors) for one in given) in ([4, 4, 9, 9], [4, 5, 9, 9], [5, 5, 9, 9])
    steps = {tuple(np.unique(one.vectors[1:, -1]).tolist()) for one in given}
    assert steps == {(3.0,), (6.0,)}
    assert all(one.vectors[0, -1] == 0 for one in given)
    assert encoding(encoder, 4)(fine.tensors).shape == (18, given[0].vectors.shape[1] - 1)


def test_a_part_of_a_series_has_the_truth_of_its_own_slices() -> None:
    lesion = np.zeros((8, 2), np.float32)
    lesion[6:] = 100.0
    one = with_steps(np.arange(8, dtype=np.float32)[:, None], np.arange(8) * 5.0)
    short = Read(one[:5], np.zeros((5, 2), np.float32))
    vectors, slices, known, series, _ = drawn(np.random.default_rng(0), [Read(one, lesion), short, short], 200)
    assert len({len(part) for part in vectors}) == 1
    assert (vectors[:, 0, -1] == 0).all()
    assert np.array_equal(slices[..., 0] == 1, vectors[..., 0] >= 6)
    assert np.array_equal(series[:, 0], slices[..., 0].max(axis=1))
    assert known.all()
