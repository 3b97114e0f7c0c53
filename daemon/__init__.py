"""Network and orchestration: reception, assembly, pipeline, results, delivery, command line."""
