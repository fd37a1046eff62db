"""Asking a warehouse: queries, explanations, laws, how it stands."""
