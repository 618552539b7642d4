"""Readers' session logs in a database: loading them, asking it, taking a reader out of it again."""
