"""Protocols as living documents: what changed between versions, who signed, the page for the reading room, and editing."""
