"""The sections about models: the process that runs them, and which there are."""

from typing import Literal

from hounsfield.daemon.config.fields import Section, setting
from hounsfield.daemon.config.values import AbsolutePath, Device


class WorkerSettings(Section):
    """The process that runs the models."""

    device: Device = setting("auto", 'Where models run: "auto" takes a GPU if there is one.')
    batch: int = setting(
        16,
        "Slices per prediction; a further attempt at a job takes half as many.",
        unit="slices",
        ge=1,
        le=1024,
    )
    bundles_loaded: int = setting(
        2, "Models kept in memory, those used last; others are loaded when a job names them.", ge=1, le=64
    )
    gpu_memory_bytes: int = setting(
        0, "GPU memory that models may take; 0 takes more as it is needed.", unit="bytes", ge=0
    )
    precision: Literal["auto", "float32", "mixed"] = setting(
        "auto",
        'Numbers that a GPU computes with. "mixed": float16 where that is safe. "auto" (with xla = "auto"): what is '
        "fastest here of what passes the bundle's self-test, measured once.",
    )
    xla: Literal["auto", "on", "off"] = setting(
        "auto",
        'Compile models with XLA. "auto" (with precision = "auto") measures once whether that is faster here.',
    )
    lease_seconds: float = setting(
        60.0, "A worker not heard of for so long has lost its job to the next one.", unit="seconds", ge=1, le=3600
    )
    job_timeout_seconds: float = setting(
        600.0, "A job that takes longer is stopped and counts as a failed attempt.", unit="seconds", gt=0, le=86400
    )
    max_attempts: int = setting(
        3, "Attempts before a series is reported as not analysed because of the model.", ge=1, le=20
    )
    decode_timeout_seconds: float = setting(
        120.0,
        "Longest decoding of the compressed images of one series, up to 600; more of them get as much longer.",
        unit="seconds",
        gt=0,
        le=3600,
    )
    decode_memory_bytes: int = setting(
        4294967296, "Memory of the process that decodes compressed images.", unit="bytes", ge=536870912
    )
    scratch_bytes: int = setting(
        8589934592,
        "Largest file of one series' pixels while it is analysed, in storage.home; 3,000 slices of 512 x 512 take "
        "1.6 GB. A larger series is not analysed.",
        unit="bytes",
        ge=16777216,
    )


class BundleEntry(Section):
    """A model bundle to run. One [[bundle]] table each; without any, the bundle that comes along."""

    path: AbsolutePath = setting(
        ..., "Folder with the bundle's manifest.toml.", example="/var/lib/hounsfield/bundles/my-model"
    )
