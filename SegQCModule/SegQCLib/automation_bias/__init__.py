"""How readers and AI results change over time: trends within one model version, shifts at a new one, and a private alert."""
