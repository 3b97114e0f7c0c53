"""What a library's words about a GPU mean: full, or gone. Its classes of errors do not tell these from a bad model."""

import re

_FULL = re.compile(r"CUDA_ERROR_OUT_OF_MEMORY|CUDNN_STATUS_ALLOC_FAILED|CUBLAS_STATUS_ALLOC_FAILED|out of memory", re.I)
_GONE = re.compile(r"cuda|cudnn|cublas|\bgpu\b|\bdriver\b|device (?:lost|unavailable)", re.I)
_GONE_CLASSES = frozenset(
    {"InternalError", "UnavailableError", "AbortedError", "UnknownError"}  # TensorFlow
    | {"Fail", "EPFail", "RuntimeException", "DeviceReset"}  # ONNX Runtime
)


def gpu_is_full(message: str) -> bool:
    """Whether an error on a GPU says that its memory is used up."""
    return _FULL.search(message) is not None


def gpu_is_gone(name: str, message: str) -> bool:
    """Whether an error of that class, on a GPU, says that the device itself failed.

    A process that has seen this gets no further answer from the GPU; a new one may.
    """
    return name in _GONE_CLASSES and _GONE.search(message) is not None
