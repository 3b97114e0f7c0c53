"""What readers say about our results, by the documents they store, and which documents are our own.

Never here: judgement. What a reader stored is kept as it was said; it changes no score, no threshold and no result.
"""
