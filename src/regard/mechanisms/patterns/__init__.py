"""Which keys a query may see."""
