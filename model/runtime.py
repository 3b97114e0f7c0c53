"""TensorFlow, imported late and set up once: 4 s and 500 MB that only a worker pays."""

import os
import platform
import re
from pathlib import Path
from typing import Any

from hounsfield.model.errors import DeviceError, ModelError

DEVICE_WORDS = '"auto", "cpu", "gpu" or "gpu:N"'

_DEVICE = re.compile(r"cpu|gpu(?::(\d{1,3}))?", re.IGNORECASE)
_CPU_INFO = Path("/proc/cpuinfo")


def tensorflow() -> Any:
    """Import TensorFlow, with Keras on top of it and without start-up chatter."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    import keras
    import tensorflow as tf

    if keras.backend.backend() != "tensorflow":
        raise ModelError("Keras runs on another backend; unset KERAS_BACKEND or set it to tensorflow")
    return tf


def choose_device(name: str) -> str:
    """Return TensorFlow's name of the device that ``name`` (see DEVICE_WORDS) means here, as ``/GPU:0``.

    ``auto`` is the first GPU, or the CPU without one. A GPU gets memory growth, and full float32 precision and
    deterministic kernels, so that its scores are those of the CPU. Raises DeviceError, saying what is there.
    """
    tf = tensorflow()
    gpus = tf.config.list_physical_devices("GPU")
    if name.lower() == "auto":
        name = "gpu:0" if gpus else "cpu"
    match = _DEVICE.fullmatch(name)
    if not match:
        raise DeviceError(f"device {name!r} is not known; allowed: {DEVICE_WORDS}")
    if name.lower() == "cpu":
        return "/CPU:0"
    index = int(match[1] or 0)
    if index >= len(gpus):
        raise DeviceError(f'device {name!r} is not there: TensorFlow sees {len(gpus)} GPU(s); use "auto" or "cpu"')
    _prepare_gpus(tf, gpus)
    return f"/GPU:{index}"


def _prepare_gpus(tf: Any, gpus: list[Any]) -> None:
    for gpu in gpus:
        if not tf.config.experimental.get_memory_growth(gpu):
            try:
                tf.config.experimental.set_memory_growth(gpu, True)
            except RuntimeError as error:
                raise DeviceError("memory growth cannot be set any more: TensorFlow already uses the GPU") from error
    tf.config.experimental.enable_tensor_float_32_execution(False)
    tf.config.experimental.enable_op_determinism()


def describe_device(placement: str) -> str:
    """Return a tensor's placement (``/job:.../device:GPU:0``) as ``/device:GPU:0 (model of the hardware)``."""
    kind, _, index = placement.rpartition("device:")[2].partition(":")
    if kind == "GPU":
        tf = tensorflow()
        details = tf.config.experimental.get_device_details(tf.config.list_physical_devices("GPU")[int(index)])
        return f"/device:GPU:{index} ({details.get('device_name', 'unknown model')})"
    return f"/device:{kind}:{index} ({_cpu_model()})"


def _cpu_model() -> str:
    try:
        for line in _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
