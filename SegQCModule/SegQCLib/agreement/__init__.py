"""Readers against each other: of one case, and over many cases."""
