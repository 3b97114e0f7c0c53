"""Decoding foreign pixels: compressed ones in a process of its own, under limits of time and memory."""
