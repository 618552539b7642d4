"""Between MRML nodes and core types: one direction per function; scene or nodes are arguments."""
