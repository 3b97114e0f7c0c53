"""Heatmaps: what the score of a slice rests on, in the pixels of that slice. Keras is imported in the worker only.

Never here: another score: a heatmap shows what the score rests on and never changes it.
"""

from hounsfield.model.explain.explainer import Beside, Explainer, SliceExplainer, explainer_for
from hounsfield.model.explain.heatmap import Heatmap, hottest

__all__ = ["Beside", "Explainer", "Heatmap", "SliceExplainer", "explainer_for", "hottest"]
