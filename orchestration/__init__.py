"""From exports to a published file: the program, room by room; CONTRIBUTING.md says which holds what."""
