"""How a query and a key are compared."""
