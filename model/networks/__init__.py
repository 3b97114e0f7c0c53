"""Networks by name, each built from a spec. Keras is imported only when one is built.

Never here: data, training loops, and weights that come with the program.
"""

from hounsfield.model.networks.registry import build_network, export_encoder, export_scores
from hounsfield.model.networks.spec import NetworkSpec

__all__ = ["NetworkSpec", "build_network", "export_encoder", "export_scores"]
