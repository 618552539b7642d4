"""Two models' outputs on one cohort, structure by structure."""
