"""From the published file to pages that people look at: a folder for each audience, without a server."""
