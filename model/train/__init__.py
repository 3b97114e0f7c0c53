"""Training on generated phantoms. TensorFlow is imported only inside functions."""
