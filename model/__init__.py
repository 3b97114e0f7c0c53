"""Reading CT series, preprocessing, networks, bundles, training and inference.

Never here: DICOM associations, the job database, and imports of daemon or storage. TensorFlow is imported inside
functions.
"""
