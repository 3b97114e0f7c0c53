"""Decoding foreign pixels: compressed ones in a process of its own, under limits of time and memory.

Never here: trust. What the process is given may end it, and the worker goes on.
"""
