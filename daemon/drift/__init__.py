"""Bundles on scanners, compared with themselves over time."""
