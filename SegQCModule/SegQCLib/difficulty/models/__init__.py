"""Models that predict the agreement of experts: each learns from a study and predicts for images nobody has read twice."""
