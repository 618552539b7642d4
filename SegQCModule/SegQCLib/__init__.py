"""SegQC: segmentation under a written protocol, with proof of its quality."""

__version__ = "0.1.0"
