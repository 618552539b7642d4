"""The page of a cohort: what was run, what came out, and where to look first."""
