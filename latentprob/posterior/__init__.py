"""From draws of the parameters to answers: symmetries, named groups, beliefs, densities, predictions."""
