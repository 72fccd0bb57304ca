"""``regard serve``: the playground, and recordings beside it."""

import argparse
from pathlib import Path

import regard
from regard.cli.viewing import ANSWER_WORK
from regard.errors import OptionError
from regard.recording.pretrained import known_name
from regard.server.application import application
from regard.server.playground import Playground
from regard.server.serving import checked_address, serve
from regard.viewer.document.document import Document, document


def run(options: argparse.Namespace) -> int:
    """Serve until it is stopped."""
    token = checked_address(options.host, options.port, options.token, no_token=options.no_token)
    if options.model is not None:
        known_name(options.model)  # now, not at the first translation
    documents = _documents(options.files)
    site = application(documents, playground=Playground(options.model), token=token, any_host=options.token is not None)
    serve(site, host=options.host, port=options.port, token=token, browser=not options.no_browser)
    return 0


def _documents(files: list[Path]) -> dict[str, Document]:
    """The files by name; two of one name would hide each other."""
    made: dict[str, Document] = {}
    for path in files:
        if path.stem in made:
            raise OptionError(f"expected files of different names, got {path.stem!r} twice; rename one of them")
        made[path.stem] = document(regard.load(path), title=path.stem, max_work=ANSWER_WORK)
    return made
