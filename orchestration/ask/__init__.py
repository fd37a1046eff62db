"""What can be asked of a warehouse: queries, explanations, laws, its state."""
