"""How good a model is, and against what: areas under the curve with intervals, operating points, calibration.

Never here: training, and a figure without the number of cases that it rests on.
"""
