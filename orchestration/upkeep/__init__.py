"""Keeping the warehouse well: how it stands, who hears of trouble, what can be checked, undone, let go."""
