"""A Chromium for the tests of the viewer: the one that is there, or a new one from the system's packages or Playwright.

    python recipes/site/install_chromium.py

Best its headless shell, which draws the same and has no windows: tests take half of the processor time in it. Prints where it
is; 1 where none can be had, with what was tried.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

SHELLS = ("chromium-headless-shell", "chrome-headless-shell")
NAMES = (*SHELLS, "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
KEPT = (
    "chromium_headless_shell-*/*/*headless[-_]shell",
    "chromium-*/chrome-linux*/chrome",
    "chromium-*/chrome-mac*/*.app/Contents/MacOS/*",
)  # below the folder of Playwright
PATIENCE = 900  # seconds for a download


def found() -> str | None:
    """A Chromium that starts: on the PATH, or where Playwright keeps its own; a headless shell before others."""
    caches = [Path.home() / ".cache/ms-playwright", Path.home() / "Library/Caches/ms-playwright"]
    own = [str(path) for kept in KEPT for cache in caches for path in sorted(cache.glob(kept), reverse=True)]
    places = [*(shutil.which(name) for name in NAMES), *own]
    places.sort(key=lambda place: not place or "headless" not in Path(place).name)
    return next((place for place in places if place and starts(place)), None)


def starts(place: str) -> bool:
    """Whether it answers: some systems have a stub that only says how to install it."""
    try:
        answer = subprocess.run([place, "--version"], capture_output=True, timeout=60, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and b"hrom" in answer.stdout


def install() -> list[str]:
    """Try the ways there are until one gives a Chromium; what was tried."""
    ways = [[sys.executable, "-m", "playwright", "install", "--only-shell", "chromium"]]
    if shutil.which("apt-get") and os.geteuid() == 0:
        install = "apt-get install -y -qq --no-install-recommends"
        ways.insert(0, ["sh", "-c", f"apt-get update -qq && ({install} {SHELLS[0]} || {install} chromium)"])
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
