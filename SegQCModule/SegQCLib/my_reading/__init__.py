"""One reader's own reads, from that reader's own session logs: for that reader alone."""
