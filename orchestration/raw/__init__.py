"""From exports to `raw/`: contract, discovery, reading, storing, erasure. It imports no later room."""
