"""Sends finished results to their destinations and decides what a failure means."""
