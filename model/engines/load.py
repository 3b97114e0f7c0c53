"""Chooses the engine of a bundle by the file its model lies in."""

from hounsfield.model.bundle import Bundle, ModelKind
from hounsfield.model.engines.engine import Engine


def load_engine(bundle: Bundle, device: str = "auto", gpu_memory_bytes: int | None = None) -> Engine:
    """Load a bundle's networks. ``device`` is "auto", "cpu", "gpu" or "gpu:N"; ``gpu_memory_bytes`` caps what of a
    GPU's memory this process takes, None lets it grow as needed.

    Raises DeviceError for a device that is not there and BundleError for a model that does not load, also where the
    library that it needs is not installed.
    """
    if bundle.kind is ModelKind.ONNX:
        from hounsfield.model.engines.onnx_engine import OnnxEngine

        return OnnxEngine(bundle, device, gpu_memory_bytes)
    from hounsfield.model.engines.tensorflow_engine import TensorFlowEngine

    return TensorFlowEngine(bundle, device, gpu_memory_bytes)
