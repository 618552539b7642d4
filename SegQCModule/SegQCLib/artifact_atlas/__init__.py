"""Artifacts, simulated on a real slice, so that a rating's grades can be shown: every picture of them says SIMULATED."""
