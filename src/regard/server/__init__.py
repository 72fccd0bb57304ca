"""Pages and tiles of recordings over HTTP, on this machine, and the playground."""
