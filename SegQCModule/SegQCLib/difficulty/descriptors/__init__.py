"""Descriptors: numbers that say what makes a lesion or slice hard to outline. `describe` computes them, one file per family."""
