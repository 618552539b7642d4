"""Measures of one segmentation and of two against each other."""

from SegQCLib.metrics.comparison import SegmentComparison, compare, compare_every_pair

__all__ = ["SegmentComparison", "compare", "compare_every_pair"]
