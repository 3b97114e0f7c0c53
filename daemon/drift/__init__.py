"""Bundles on scanners, compared with themselves over time.

Never here: statistics (model/drift computes them), and changes of a bundle: drift is told, a person decides.
"""
