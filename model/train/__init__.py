"""Training: from prepared data to a bundle. TensorFlow is imported only inside functions.

Never here: what serving needs: a bundle that is finished is served without this folder's libraries. And outside
``demo``, which makes the demonstration bundle, nothing of generated heads but the golden series.
"""
