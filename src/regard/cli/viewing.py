"""``regard view``: a recording in a browser, or as one page."""

import argparse
import sys
from pathlib import Path
from typing import Any

import regard
from regard.cli.recording import read_text, recorded
from regard.errors import FileFormatError, OptionError
from regard.files import checked_path
from regard.interventions.effects import Effects
from regard.maps.attention_map import AttentionMap
from regard.surveying.survey_file import Survey
from regard.translation.translator import Translation
from regard.viewer.document.document import document
from regard.viewer.document.subjects import Viewable

ANSWER_WORK = 2 * 10**9
"""Multiply-adds of one answer: some tens of milliseconds on two cores, so that eight people can look at once."""

RECORDED = ("target", "generate", "layers", "kinds")


def run(options: argparse.Namespace) -> int:
    """Serve what there is to see until it is stopped, or write it down as a page."""
    texts = options.text is not None or options.text_file is not None
    if (options.file is None) != texts:
        raise OptionError("expected a FILE, or --text with or without --model, got " + ("both" if texts else "neither"))
    if options.file is not None and (given := [name for name in ("model", *RECORDED) if getattr(options, name) is not None]):
        raise OptionError(f"expected a FILE alone, got --{given[0]} beside it, which says how a model is run over --text")
    path = None if options.save is None else checked_path(options.save)
    if path is not None and path.suffix.lower() not in (".html", ".htm"):
        raise OptionError(f"expected --save FILE.html, got {path.name!r}; regard translate and regard heads draw pictures")
    token = _checked_token(options) if path is None else None
    # What follows may take half a minute, and a browser opens only then.
    name = "the text" if options.file is None else " ".join(str(options.file).split())
    print(f"opening {name} ...", file=sys.stderr, flush=True)
    subject = _subject(options)
    if options.grid is not None and options.image is None:
        raise OptionError("expected --image beside --grid, got none")
    shown: dict[str, Any] = {} if options.image is None else {"image": options.image}
    if options.grid is not None:
        shown["grid"] = tuple(options.grid)
    if options.effects is not None:
        shown["effects"] = Effects.load(options.effects)
    if options.prompts is not None:
        shown["prompts"] = options.prompts
    if isinstance(subject, AttentionMap) and subject.name is None and options.file is not None:
        shown["title"] = options.file.stem
    if path is not None:
        regard.page(subject, path, **shown)
        print(f"page: {path}", file=sys.stderr)
        return 0
    from regard.server.application import application
    from regard.server.serving import serve

    name = "text" if options.file is None else options.file.stem
    documents = {name: document(subject, max_work=ANSWER_WORK, **shown)}
    site = application(documents, token=token, any_host=options.token is not None)
    serve(site, host=options.host, port=options.port, token=token, browser=not options.no_browser)
    return 0


def _checked_token(options: argparse.Namespace) -> str | None:
    from regard.server.serving import checked_address  # a page is written without a server

    return checked_address(options.host, options.port, options.token, no_token=options.no_token)


def _subject(options: argparse.Namespace) -> Viewable:
    if options.file is not None:
        return _table(options.file) if _is_parquet(options.file) else regard.load(options.file)
    if options.model is None:
        return _translation(options)
    return recorded(options)


def _table(path: Path) -> Effects | Survey:
    """What a file of Parquet has, effects or a survey."""
    try:
        return Effects.load(path)
    except FileFormatError as no_effects:
        try:
            return Survey.load(path)
        except FileFormatError:
            raise no_effects from None


def _is_parquet(path: Path) -> bool:
    """Whether a file begins as Parquet does, in which effects and surveys are kept."""
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PAR1"
    except OSError:
        return False  # who opens it says what is wrong


def _translation(options: argparse.Namespace) -> Translation:
    if given := [name for name in RECORDED[1:] if getattr(options, name) is not None]:
        raise OptionError(f"expected --model beside --{given[0]}, got none; without it the text is translated")
    text = read_text(options)
    return regard.translate(text) if options.target is None else regard.translate(text, target=options.target)
