"""The stages behind the job queue: infer and report in the worker, deliver in the courier, rescue of lost jobs."""
