"""Turns received instances into series: completeness, selection, closing.

Never here: pixels, and associations: headers come out of the spool, and what the PACS knows is asked through
daemon/query. It sends nothing and scores nothing.
"""
