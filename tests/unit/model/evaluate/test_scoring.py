"""What needs TensorFlow: one module, so that one process pays for importing it."""

import json

import numpy as np
import pytest
from support.bundles import SIDE, golden_hu, manifest_fields
from typer.testing import CliRunner

from hounsfield.daemon.cli.main import app
from hounsfield.model.bundle import open_bundle
from hounsfield.model.data.prepared import PreparedWriter, SeriesBlock
from hounsfield.model.errors import DataError, TrainingError
from hounsfield.model.evaluate.calibrate import Calibration, fold_into
from hounsfield.model.evaluate.measure import Measurement, measure
from hounsfield.model.evaluate.scoring import score_prepared, shipped_thresholds
from hounsfield.model.predictor import Predictor
from hounsfield.model.preprocess import PreprocessingSpec
from hounsfield.model.runtime import tensorflow
from hounsfield.model.selftest import write_bundle_with_golden

pytestmark = pytest.mark.heavy

LABELS = ("any", "unrelated")


def network(channels=1, outputs=1):
    tensorflow()
    import keras

    keras.utils.set_random_seed(7)
    inputs = keras.Input((SIDE, SIDE, channels))
    inner = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3, strides=2, activation="relu")(inputs))
    return keras.Model(inputs, keras.layers.Dense(outputs, activation="sigmoid", name="score")(inner))


def bundle_at(folder, *, neighbours=0, version="0.1.0", aggregation="top-3-mean"):
    fields = manifest_fields() | {"version": version}
    channels = 2 * neighbours + 1
    fields["input"] = {"shape": [SIDE, SIDE, channels], "neighbours": neighbours}
    fields["output"]["aggregation"] = aggregation
    folder.parent.mkdir(exist_ok=True)
    network(channels).save(folder.parent / "model.keras")
    files = {"model.keras": folder.parent / "model.keras", "MODEL_CARD.md": b"# Card\n", "LICENSE": b"free\n"}
    return write_bundle_with_golden(folder, fields, golden_hu(), (0.5, 0.5), files)


def prepared_at(folder, series=8, *, prefix="s", labels=LABELS, steps=None, brain_mm2=None):
    spec = manifest_fields()["preprocessing"]
    if steps:
        spec = spec | {"steps": steps}
    rng = np.random.default_rng(len(prefix))
    with PreparedWriter(folder, labels, PreprocessingSpec.model_validate(spec), source="noise") as writer:
        for number in range(series):
            count = 3 + number % 3
            truth = np.full((count, len(labels)), number % 2, np.float32)
            writer.add(
                SeriesBlock(
                    key=f"{prefix}{number}",
                    patient=f"{prefix}-patient-{number}",
                    scanner="A",
                    truth=tuple(truth[0].tolist()),
                    tensors=rng.random((count, SIDE, SIDE, 1)) + 0.2 * (number % 2),
                    names=tuple(f"{prefix}{number}/{row}.png" for row in range(count)),
                    position_mm=np.arange(count) * 5.0,
                    slice_truth=truth,
                    extra={} if brain_mm2 is None else {"brain_mm2": np.resize(brain_mm2, count)},
                )
            )
        return writer.finish(clean=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("evaluate")


@pytest.fixture(scope="module")
def bundle(folder):
    return bundle_at(folder / "tiny" / "bundle")


@pytest.fixture(scope="module")
def prepared(folder):
    return prepared_at(folder / "test")


def test_a_prepared_set_gets_the_scores_that_the_predictor_gives_series_by_series(bundle, prepared):
    told = []
    scored = score_prepared(bundle, prepared, device="cpu", tell=lambda done, every: told.append((done, every)))
    predictor = Predictor(bundle, "cpu", batch=4)
    for number in range(prepared.about.series):
        rows = prepared.index.rows_of(number)
        alone = predictor.analyse_tensors(
            prepared.tensors[rows].astype(np.float32), [5.0] * (rows.stop - rows.start - 1)
        )
        assert scored.scores[rows] == pytest.approx(alone.slices, abs=1e-6)
        assert scored.series_scores[number] == pytest.approx(alone.series, abs=1e-6)
    assert told[-1] == (prepared.about.slices, prepared.about.slices)
    assert scored.labels == ("any",)


def test_neighbours_come_from_the_same_series(folder, prepared):
    bundle = bundle_at(folder / "beside" / "bundle", neighbours=1)
    scored = score_prepared(bundle, prepared, device="cpu")
    rows = prepared.index.rows_of(2)
    own = prepared.tensors[rows].astype(np.float32)
    first = np.concatenate([own[0], own[0], own[1]], axis=-1)
    assert scored.scores[rows][0] == pytest.approx(
        Predictor(bundle, "cpu", batch=2).score_tensors([first])[0], abs=1e-6
    )


def test_slices_of_generated_heads_with_hardly_any_brain_count_nowhere(folder, bundle):
    heads = prepared_at(folder / "heads", series=2, brain_mm2=[9000.0, 100.0])
    scored = score_prepared(bundle, heads, device="cpu")
    assert np.isfinite(scored.truth[:, 0]).tolist() == [True, False, True, True, False, True, False]
    assert np.isfinite(scored.series_truth).all()


def test_another_preprocessing_is_refused_by_name(folder, bundle):
    steps = [{"name": "windows", "windows": [{"centre": 80.0, "width": 200.0}]}, {"name": "resize", "pixels": SIDE}]
    other = prepared_at(folder / "other-window", series=2, steps=steps)
    with pytest.raises(DataError, match=r"prepare it again with the preprocessing of the bundle"):
        score_prepared(bundle, other, device="cpu")


def test_labels_are_matched_by_name_or_as_named(folder, bundle):
    strange = prepared_at(folder / "strange", series=2, labels=("bleed",))
    with pytest.raises(DataError, match="the data set has bleed, the bundle haemorrhage"):
        score_prepared(bundle, strange, device="cpu")
    with pytest.raises(DataError, match="blood=haemorrhage"):
        score_prepared(bundle, strange, device="cpu", named={"blood": "haemorrhage"})
    assert shipped_thresholds(bundle, strange, {"bleed": "haemorrhage"}).labels == ("bleed",)


def test_thresholds_are_the_shipped_ones_unless_a_validation_set_is_named(folder, bundle, prepared):
    shipped = measure(bundle, Measurement(data=prepared, device="cpu"))
    assert (shipped.thresholds.series, shipped.thresholds.origin) == ((0.5,), "shipped with tiny 0.1.0")
    validation = prepared_at(folder / "validation", prefix="other")
    chosen = measure(bundle, Measurement(data=prepared, validation=validation, sensitivity=0.9, device="cpu"))
    assert chosen.thresholds.series != shipped.thresholds.series
    assert chosen.thresholds.origin == "chosen on a validation set (validation) for a sensitivity of 0.9"


def test_a_threshold_is_not_chosen_on_cases_of_the_test(folder, bundle, prepared):
    same = prepared_at(folder / "same", series=2)
    with pytest.raises(DataError, match="proves nothing"):
        measure(bundle, Measurement(data=prepared, validation=same, device="cpu"))


def test_a_calibration_that_is_folded_into_the_network_gives_the_calibrated_scores():
    model = network(outputs=2)
    images = np.random.default_rng(1).random((6, SIDE, SIDE, 1), np.float32)
    before = np.asarray(model(images))
    calibration = Calibration((0.5, 2.0), (-1.0, 0.3))
    fold_into(model, "score", calibration.slope, calibration.offset)
    assert np.asarray(model(images)) == pytest.approx(calibration.apply(before), abs=1e-6)


def test_only_a_dense_layer_with_sigmoid_can_be_calibrated():
    model = network()
    with pytest.raises(TrainingError, match="1 units, the calibration 2 labels"):
        fold_into(model, "score", (1.0, 1.0), (0.0, 0.0))
    with pytest.raises(TrainingError, match="must be a Dense with bias and sigmoid"):
        fold_into(model, model.layers[1].name, (1.0,), (0.0,))


def run(*arguments):
    return CliRunner(env={"NO_COLOR": "1"}).invoke(app, ["evaluate", *map(str, arguments)])


def test_the_command_measures_compares_and_writes_the_card(folder, bundle, prepared):
    other = bundle_at(folder / "new" / "bundle", version="0.2.0", aggregation="max")
    quick = ("--data", prepared.folder, "--rounds", 100, "--device", "cpu", "--out", folder / "report")
    result = run("--bundle", other.folder, "--against", bundle.folder, "--write-card", *quick)
    assert result.exit_code == 0, result.output
    for wanted in ("AUROC", "Thresholds shipped with tiny 0.2.0", "against tiny 0.1.0", "report.html"):
        assert wanted in result.stdout
    after = open_bundle(other.folder)
    assert "by_series" in after.manifest.provenance.metrics["evaluation"]
    again = run("--bundle", folder / "report" / "scores.npz", "--rounds", 100, "--out", folder / "again", "--json")
    (line,) = again.stdout.splitlines()
    assert json.loads(line)["evaluation"] == json.loads((folder / "report" / "metrics.json").read_text())["evaluation"]
