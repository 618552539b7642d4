"""Where a cohort's cases come from: one file for each kind of source."""
