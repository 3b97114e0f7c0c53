"""The stages behind the job queue: infer and report in the worker, deliver in the courier, rescue of lost jobs.

Never here: how a score comes about (model/) and what an object looks like (daemon/results).
"""
