"""What readers do, and how well: session logs, times, provenance."""
