"""Reading CT series, preprocessing, networks, bundles, training and inference."""
