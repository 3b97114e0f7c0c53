"""How good a model is, and against what: areas under the curve with intervals, operating points, brightness rules."""
