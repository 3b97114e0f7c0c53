"""From HU to the tensor a network sees, by registered named steps; the same code in training and in serving."""

from hounsfield.model.preprocess.preprocessor import Preprocessor
from hounsfield.model.preprocess.spec import PreprocessingSpec

__all__ = ["PreprocessingSpec", "Preprocessor"]
