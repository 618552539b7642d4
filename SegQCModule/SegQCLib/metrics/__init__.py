"""Measures of one segmentation and of two against each other."""
