"""Sends finished results to their destinations and decides what a failure means.

Never here: what results say. What is sent are stored bytes, the same at every try; another SOP class is a new
instance, which is stored first.
"""
