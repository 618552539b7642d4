"""Statistics that more than one part of SegQC needs."""
