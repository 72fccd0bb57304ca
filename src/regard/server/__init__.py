"""Pages and tiles of recordings over HTTP, on this machine, and the playground."""

from regard.extras import require

require("to serve maps", "starlette", "uvicorn")
