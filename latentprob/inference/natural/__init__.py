"""Natural gradients for conjugate structure: one engine over the components of a model."""
