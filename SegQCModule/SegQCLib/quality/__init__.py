"""Image quality where it matters: in the lesion or organ, in its core, around it, and in normal tissue beside it."""
