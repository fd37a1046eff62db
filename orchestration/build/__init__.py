"""From `raw/` to the published file: the manifest, the wall, the working database, publication."""
