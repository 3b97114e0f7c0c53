"""Training: from prepared data, or generated phantoms, to a bundle. TensorFlow is imported only inside functions.

Never here: what serving needs: a bundle that is finished is served without this folder's libraries.
"""
