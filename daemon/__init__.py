"""Network and orchestration: reception, assembly, pipeline, results, delivery, command line.

Never here: TensorFlow, OpenCV and whatever else computes on pixels (model/), SQL (storage/), and parts that are put
together anywhere but in the composition root (app.py).
"""
