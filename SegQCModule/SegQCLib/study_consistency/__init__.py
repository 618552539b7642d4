"""Consistency over time and over a study: what series share, where they differ, and how lesions change between comparable ones."""
