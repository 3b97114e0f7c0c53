"""From HU to the tensor a network sees, by registered named steps; the same code in training and in serving.

Never here: random changes (model/train augments), and a step that training takes and serving does not.
"""

from hounsfield.model.preprocess.preprocessor import Preprocessor
from hounsfield.model.preprocess.spec import PreprocessingSpec

__all__ = ["PreprocessingSpec", "Preprocessor"]
