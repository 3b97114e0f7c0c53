"""Makes the demonstration bundle from generated heads: its own training, figures, card and manifest.

Its training is not that of `hounsfield train`: it draws what a data set of files does not have, such as series cut out
of longer ones whose truth follows the blood that is left in them. The bundle in the package was made by it.

Never here: what a training on people's own data needs, and anything that a served bundle is read with.
"""
