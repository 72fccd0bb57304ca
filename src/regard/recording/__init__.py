"""The instrument: keeps the attention of a model while it runs on its own kernel."""
