"""What other archives know of a series: asked by C-FIND (PS3.4 annex C).

Never here: retrieval: nothing is fetched from an archive, only counted and compared.
"""
