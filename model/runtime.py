"""TensorFlow, imported late and set up once: 4 s and 500 MB that only a worker pays."""

import os
import platform
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from hounsfield.model.errors import DeviceError, ModelError

DEVICE_WORDS = '"auto", "cpu", "gpu" or "gpu:N"'

_DEVICE = re.compile(r"auto|cpu|gpu(?::(\d{1,3}))?", re.IGNORECASE)
_CPU = "/CPU:0"
_MEBIBYTE = 1 << 20
_CPU_INFO = Path("/proc/cpuinfo")


def tensorflow() -> Any:
    """Import TensorFlow, with Keras on top of it and without start-up chatter.

    Its GPUs give memory as it is needed: TensorFlow takes all of it otherwise, and listens only before its first use.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    import keras
    import tensorflow as tf

    if keras.backend.backend() != "tensorflow":
        raise ModelError("Keras runs on another backend; unset KERAS_BACKEND or set it to tensorflow")
    return tf


def import_quietly() -> None:
    """Import TensorFlow where somebody reads standard error: what its libraries say of this machine is not shown.

    They write to the process' standard error itself, before anything could tell them not to. Shown after all if the
    import fails. For a process with one thread: nobody else may write there meanwhile.
    """
    if "tensorflow" in sys.modules:
        return
    sys.stderr.flush()
    shown = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            tensorflow().config.list_physical_devices()
        except BaseException:
            held.seek(0)
            os.write(shown, held.read())
            raise
        finally:
            os.dup2(shown, 2)
            os.close(shown)


def gpu_number(name: str) -> int | None:
    """Return which GPU a device's name means, "auto" the first one; None for the CPU. Raises DeviceError."""
    match = _DEVICE.fullmatch(name)
    if not match:
        raise DeviceError(f"device {name!r} is not known; allowed: {DEVICE_WORDS}")
    return None if name.lower() == "cpu" else int(match[1] or 0)


def choose_device(name: str, gpu_memory_bytes: int | None = None) -> str:
    """Return TensorFlow's name of the device that ``name`` (see DEVICE_WORDS) means here, as ``/GPU:0``.

    ``auto`` is the first GPU, or the CPU where there is none or it cannot be used. A GPU gives its memory as it is
    needed, or up to ``gpu_memory_bytes``, and gets full float32 precision and deterministic kernels, so that its
    scores are those of the CPU. Raises DeviceError, saying what is there.
    """
    tf = tensorflow()
    number = gpu_number(name)
    gpus = tf.config.list_physical_devices("GPU")
    automatic = name.lower() == "auto"
    if number is None or (automatic and not gpus):
        return _CPU
    if number >= len(gpus):
        raise DeviceError(f'device {name!r} is not there: TensorFlow sees {len(gpus)} GPU(s); use "auto" or "cpu"')
    if gpu_memory_bytes is not None:
        _cap_memory(tf, gpus, gpu_memory_bytes)
    tf.config.experimental.enable_tensor_float_32_execution(False)
    tf.config.experimental.enable_op_determinism()
    place = f"/GPU:{number}"
    if (trouble := _trouble(tf, place)) is None:
        return place
    if automatic:
        return _CPU
    raise DeviceError(f'device {name!r} is there, but cannot be used ({trouble}); use "auto" or "cpu"')


def _trouble(tf: Any, place: str) -> str | None:
    """Compute something on a device; return the kind of error that this raises, or where it was computed instead."""
    try:
        with tf.device(place):
            there = (tf.ones((1,)) + 1.0).device
    except (RuntimeError, tf.errors.OpError) as error:
        return type(error).__name__
    return None if there.endswith(f"device:{place[1:]}") else f"TensorFlow computes on {there} instead"


def _cap_memory(tf: Any, gpus: list[Any], memory_bytes: int) -> None:
    try:
        for gpu in gpus:
            if tf.config.get_logical_device_configuration(gpu) is None:
                limit = max(memory_bytes // _MEBIBYTE, 1)
                capped = tf.config.LogicalDeviceConfiguration(memory_limit=limit)
                tf.config.set_logical_device_configuration(gpu, [capped])
    except RuntimeError as error:
        raise DeviceError("GPU memory cannot be capped any more: TensorFlow already uses the GPU") from error


def describe_device(placement: str) -> str:
    """Return a tensor's placement (``/job:.../device:GPU:0``) as ``/device:GPU:0 (model of the hardware)``."""
    kind, _, index = placement.rpartition("device:")[2].partition(":")
    if kind == "GPU":
        tf = tensorflow()
        details = tf.config.experimental.get_device_details(tf.config.list_physical_devices("GPU")[int(index)])
        return f"/device:GPU:{index} ({details.get('device_name', 'unknown model')})"
    return f"/device:{kind}:{index} ({cpu_model()})"


def cpu_model() -> str:
    """Return what the processor calls itself."""
    try:
        for line in _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
