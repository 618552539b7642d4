"""What readers do, and how well: edit logs, times, provenance."""
