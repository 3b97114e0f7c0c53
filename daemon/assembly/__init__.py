"""Turns received instances into series: completeness, selection, closing."""
