"""The bundles of a service: how one gets in whole or not at all, where it lies, and which of them new jobs get.

Never here: what a bundle holds (model/bundle) and how it is loaded and run (daemon/pipeline, in the worker).
"""
