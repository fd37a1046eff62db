"""Measures the speed of everything that was promised to be fast: `make bench`."""
