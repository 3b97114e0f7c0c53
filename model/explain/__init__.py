"""Heatmaps: what the score of a slice rests on, in the pixels of that slice. Keras is imported in the worker only."""

from hounsfield.model.explain.explainer import Beside, Explainer, SliceExplainer, explainer_for
from hounsfield.model.explain.heatmap import Heatmap, hottest

__all__ = ["Beside", "Explainer", "Heatmap", "SliceExplainer", "explainer_for", "hottest"]
