"""Reporting checklists for papers (CLAIM, CLEAR, RIDGE), filled with what SegQC's own files show."""
