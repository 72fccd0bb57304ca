"""A Chromium for the tests of the viewer: the one that is there, or a new one from the system's packages or Playwright.

    python recipes/site/install_chromium.py

Prints where it is; 1 where none can be had, with what was tried.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PATIENCE = 900  # seconds for a download


def found() -> str | None:
    """A Chromium that starts: on the PATH, or where Playwright keeps its own."""
    places = [shutil.which(name) for name in NAMES]
    caches = [Path.home() / ".cache/ms-playwright", Path.home() / "Library/Caches/ms-playwright"]
    patterns = ("chromium-*/chrome-linux*/chrome", "chromium-*/chrome-mac*/*.app/Contents/MacOS/*")
    own = [str(path) for cache in caches for pattern in patterns for path in sorted(cache.glob(pattern), reverse=True)]
    return next((place for place in [*places, *own] if place and starts(place)), None)


def starts(place: str) -> bool:
    """Whether it answers: some systems have a stub that only says how to install it."""
    try:
        answer = subprocess.run([place, "--version"], capture_output=True, timeout=60, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and b"hrom" in answer.stdout


def install() -> list[str]:
    """Try the ways there are until one gives a Chromium; what was tried."""
    ways = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    if shutil.which("apt-get") and os.geteuid() == 0:
        ways.insert(0, ["sh", "-c", "apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium"])
    tried = []
    for way in ways:
        tried.append(" ".join(way))
        print(f"installing Chromium: {tried[-1]}", file=sys.stderr)
        try:
            subprocess.run(way, check=False, stdout=sys.stderr, timeout=PATIENCE)  # noqa: S603
        except (OSError, subprocess.TimeoutExpired) as error:
            print(error, file=sys.stderr)
        if found():
            break
    return tried


def main() -> int:
    """Say where it is, after installing it where it is missing."""
    tried = [] if found() else install()
    place = found()
    if place is None:
        print(f"expected a Chromium for the viewer's tests, got none after: {'; '.join(tried)}; install one", file=sys.stderr)
        return 1
    print(place)
    return 0


if __name__ == "__main__":
    sys.exit(main())
