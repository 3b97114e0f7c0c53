"""Reading CT series, preprocessing, networks, bundles, training and inference.

Where to look:

- reading foreign files: ``walker``, ``elements``, ``attributes``, ``headers``, ``multiframe``; their pixels:
  ``frames``, ``codestreams``, ``pixels``, ``decoding``, ``scratch``, ``volume``; whether two are the same:
  ``identity``
- understanding a series: ``geometry``, ``parts``, ``reconstructions``, ``preference``; whether a bundle wants and
  can take it: ``scope``, ``fitness``, ``plausibility``, ``remarks``, ``unseen``
- from HU to scores: ``resample``, ``preprocess``, ``feed``, ``interleave``, ``predictor`` over ``engines`` and
  ``runtime``, ``aggregation``, ``series_scores``, ``findings``; what they rest on: ``explain``; how they are shown:
  ``page``; whether they are still what they were: ``drift``
- bundles: ``bundle``, ``bundle_guard``, ``onnx_guard``, ``manifest``, ``manifest_problems``, ``golden``,
  ``selftest``, ``seal``, ``lint``, ``toml_file``, ``toml_text``
- making one: ``data``, ``phantom``, ``networks``, ``train``, ``evaluate``
- ``errors``

Never here: DICOM associations, the job database, and imports of daemon or storage. TensorFlow is imported inside
functions.
"""
