"""The ``[preprocessing]`` section of a manifest: named steps with parameters, in order."""

from typing import Annotated

from pydantic import Field

from hounsfield.model.preprocess.steps import FieldOfView, Normalise, Padding, Resize, Windows
from hounsfield.model.preprocess.strip import Strip
from hounsfield.model.toml_file import Section

RegisteredStep = Annotated[Padding | FieldOfView | Strip | Windows | Resize | Normalise, Field(discriminator="name")]
"""A new step joins here; its ``name`` is what manifests call it, and never changes its meaning."""


class PreprocessingSpec(Section):
    """The order is part of the model: training and serving run the same steps."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    steps: tuple[RegisteredStep, ...] = Field(min_length=1, max_length=32)
