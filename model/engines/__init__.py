"""What runs a network: TensorFlow (Keras models, SavedModels) or ONNX Runtime; each is imported late.

Never here: what the figures mean. A tensor goes in, a tensor comes out.
"""

from hounsfield.model.engines.engine import PLAIN, Engine, Execution, Precision, Run, SequenceRun, ways
from hounsfield.model.engines.load import load_engine

__all__ = ["PLAIN", "Engine", "Execution", "Precision", "Run", "SequenceRun", "load_engine", "ways"]
