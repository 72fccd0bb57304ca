"""The textbook: attention mechanisms in readable torch, one family a file."""
