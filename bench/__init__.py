"""How fast what was promised to be fast is: `make bench`."""
