"""What a device says when it is full or gone, and what becomes of it."""

import os
from typing import Any

import pytest
from support.bundles import golden_hu, manifest_fields
from support.networks import slice_network, store
from support.predictors import slice_scores

from hounsfield.model import runtime
from hounsfield.model.bundle import write_bundle
from hounsfield.model.engines.faults import gpu_is_full, gpu_is_gone
from hounsfield.model.errors import DeviceError, DeviceLost, InferenceError, OutOfModelMemory
from hounsfield.model.predictor import Predictor
from hounsfield.model.runtime import choose_device, tensorflow

pytestmark = pytest.mark.heavy


@pytest.mark.parametrize(
    "message",
    [
        "failed to allocate 1.2GiB: CUDA_ERROR_OUT_OF_MEMORY: out of memory",
        "cuDNN launch failure : CUDNN_STATUS_ALLOC_FAILED",
        "CUDA failure 2: out of memory ; GPU=0",
    ],
)
def test_a_gpu_without_memory_left_is_known_by_its_words(message: str) -> None:
    assert gpu_is_full(message)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("InternalError", "Failed to launch CUDA kernel: CUDA_ERROR_ILLEGAL_ADDRESS"),
        ("InternalError", "GPU sync failed"),
        ("UnavailableError", "cudaErrorECCUncorrectable: uncorrectable ECC error encountered (CUDA)"),
        ("Fail", "CUDA failure 700: an illegal memory access was encountered ; GPU=0"),
    ],
)
def test_a_gpu_that_is_gone_is_known_by_its_words(name: str, message: str) -> None:
    assert gpu_is_gone(name, message)
    assert not gpu_is_full(message)


@pytest.mark.parametrize(
    ("name", "message"),
    [("InvalidArgumentError", "CUDA graph of incompatible shapes"), ("InternalError", "blas GEMM: shapes differ")],
)
def test_a_model_that_fails_is_no_lost_gpu(name: str, message: str) -> None:
    assert not gpu_is_gone(name, message)


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    folder = tmp_path_factory.mktemp("bundles") / "b"
    store(folder, "keras", slice_network())
    predictor = Predictor(write_bundle(folder, manifest_fields()), "cpu", 2)
    predictor.warm_up()
    return predictor


@pytest.mark.parametrize(
    ("place", "kind", "message", "expected"),
    [
        ("/GPU:0", "InternalError", "CUDA_ERROR_LAUNCH_FAILED", DeviceLost),
        ("/GPU:0", "InternalError", "CUDA_ERROR_OUT_OF_MEMORY", OutOfModelMemory),
        ("/GPU:0", "ResourceExhaustedError", "OOM when allocating tensor", OutOfModelMemory),
        ("/GPU:0", "InvalidArgumentError", "shapes", InferenceError),
        ("/CPU:0", "ResourceExhaustedError", "OOM when allocating tensor", OutOfModelMemory),
        ("/CPU:0", "InternalError", "no CUDA here", InferenceError),
    ],
)
def test_an_error_of_tensorflow_becomes_what_it_means(
    predictor: Predictor,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    kind: str,
    message: str,
    expected: type[Exception],
) -> None:
    errors = tensorflow().errors
    engine: Any = predictor.engine
    monkeypatch.setattr(engine, "_place", place)

    def failing(batch: Any) -> Any:
        with engine._faults():
            raise getattr(errors, kind)(None, None, message)

    monkeypatch.setattr(predictor, "_raw", failing)
    with pytest.raises(expected) as caught:
        slice_scores(predictor, golden_hu(1), [(1.0, 1.0)])
    assert type(caught.value) is expected
    assert str(caught.value).startswith("tiny 0.1.0: ")


class _Gpus:
    """Says that TensorFlow sees GPUs; records how their memory is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, trouble: str | None = None) -> None:
        self.set: list[Any] = []
        config = tensorflow().config
        monkeypatch.setattr(config, "list_physical_devices", lambda kind: [kind] * 2)
        monkeypatch.setattr(config, "get_logical_device_configuration", lambda _: None)
        monkeypatch.setattr(
            config, "set_logical_device_configuration", lambda gpu, what: self.set.append((gpu, what[0].memory_limit))
        )
        monkeypatch.setattr(config.experimental, "enable_tensor_float_32_execution", lambda _: None)
        monkeypatch.setattr(config.experimental, "enable_op_determinism", lambda: None)
        monkeypatch.setattr(runtime, "_trouble", lambda *_: trouble)


def test_a_gpu_gives_its_memory_as_it_is_needed_also_where_tensorflow_was_used_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gpus = _Gpus(monkeypatch)
    assert choose_device("auto") == "/GPU:0"
    assert choose_device("gpu:1") == "/GPU:1"
    assert gpus.set == []  # what TensorFlow refuses once it has computed anything
    assert os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"


def test_a_cap_holds_what_is_taken_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus = _Gpus(monkeypatch)
    assert choose_device("gpu", 3 << 30) == "/GPU:0"
    assert gpus.set == [("GPU", 3072)] * 2


def test_a_cap_that_comes_too_late_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("Virtual devices cannot be modified after being initialized")

    _Gpus(monkeypatch)
    monkeypatch.setattr(tensorflow().config, "set_logical_device_configuration", refuse)
    with pytest.raises(DeviceError, match="cannot be capped any more"):
        choose_device("gpu", 3 << 30)


def test_a_gpu_that_cannot_be_used_is_left_alone_by_auto_and_an_error_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    _Gpus(monkeypatch, trouble="InternalError")
    assert choose_device("auto") == "/CPU:0"
    with pytest.raises(DeviceError, match=r"'gpu:0' is there, but cannot be used \(InternalError\)"):
        choose_device("gpu:0")


def test_a_device_that_does_not_compute_is_in_trouble() -> None:
    assert runtime._trouble(tensorflow(), "/CPU:0") is None
    assert runtime._trouble(tensorflow(), "/GPU:7") is not None
