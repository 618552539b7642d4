"""Measures of one segmentation and of two against each other."""

from SegQCLib.metrics.comparison import SegmentComparison, compare

__all__ = ["SegmentComparison", "compare"]
