"""From exports to `raw/`: contract, discovery, reading, storing, erasure. This room imports no later room."""
