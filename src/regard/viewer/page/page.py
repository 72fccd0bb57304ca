"""One HTML file that shows attention offline: the front end, the manifest, and the factors that it computes from."""

import base64
import gzip
import hashlib
import html
import json
import os
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from regard.arguments import whole_number
from regard.errors import DtypeError, OptionError
from regard.files import checked_path, written_whole
from regard.interventions.effects import Effects
from regard.viewer.answers.packing import unpack
from regard.viewer.document.document import Document, document
from regard.viewer.document.findings import Finding
from regard.viewer.document.manifest import head_names
from regard.viewer.document.named_spans import NamedSpans
from regard.viewer.document.subjects import Viewable
from regard.viewer.front_end import front_end, page_program
from regard.viewer.page.data import check_size, page_data

MAX_BYTES = 2**26

STILL_CELLS = 40
"""Rows and columns of the table that is there without JavaScript."""

_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
_JOINER = "\u200d"  # inside an emoji

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="Regard">
<title>{title}</title>
<style>:root {{ color-scheme: light dark; }} body {{ margin: 0; }} noscript {{ display: block; padding: 1rem; }}
noscript table {{ border-collapse: collapse; }} noscript :is(td, th) {{ padding: 0.1rem 0.4rem; text-align: right; }}</style>
</head>
<body>
<noscript>
{still}
</noscript>
<script type="application/json" id="regard-manifest">{manifest}</script>
{packs}
<script type="module">{start}</script>
</body>
</html>
"""

_START = """
const held = document.querySelector("[data-regard=program]");
try {
  const packed = Uint8Array.from(atob(held.textContent), (one) => one.charCodeAt(0));
  const opened = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const program = document.createElement("script");
  program.type = "module";
  program.id = "regard-program";
  program.textContent = await new Response(opened).text();
  held.replaceWith(program);
} catch (error) {
  document.body.append(`The program of this page cannot be opened (${error.message}); browsers of 2023 and later can.`);
}
"""
"""Opens the program, which is a pack as the numbers are: so it takes less than half of its length."""

_POLICY = (
    "default-src 'none'; script-src {scripts}; worker-src blob:; style-src 'unsafe-inline'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)


def page(
    subject: Viewable | Document,
    path: str | os.PathLike[str] | None = None,
    *,
    tokens: Any = None,
    queries: Any = None,
    keys: Any = None,
    title: str | None = None,
    image: Any = None,
    grid: tuple[int, int] | None = None,
    words: str | bool | None = None,
    statistics: bool | None = None,
    view: str | None = None,
    map: int | str | None = None,  # noqa: A002 - what the viewer calls it
    heads: int | str | Sequence[int] | None = None,
    query: int | str | None = None,
    key: int | str | None = None,
    unit: str | None = None,
    against: Any = None,
    names: Sequence[str] | None = None,
    effects: Effects | Mapping[str, float] | None = None,
    prompts: Any = None,
    finding: Finding | None = None,
    spans: NamedSpans | None = None,
    sound: Any = None,
    truth: Any = None,
    max_bytes: int = MAX_BYTES,
) -> str:
    """One self-contained HTML file that works offline: open it, send it, put it on any server.

    The page carries queries and keys, and computes any region from them when it is looked at. Large ones are rounded to
    12 bits or more, so that no weight differs from the recorded one by more than 0.002; the page says by how much. The same
    subject gives the same bytes.

    Args:
        subject: a translation, a recording, an attention map, or a list of maps or translations; weights as
            ``regard.Recording.of`` takes them, what ``output_attentions=True`` returns among them. Several recordings as a
            list, or by name: ``{"base": recording, "tuned": another}``. Or a mechanism, a card of ``regard.catalogue``; or what
            ``regard.sweep``, ``regard.passages``, ``word_times``, ``contacts``, ``cache``, ``patches`` or ``pixels`` found; or
            a survey.
        path: where to write it, if anywhere.
        tokens: the texts or ids of the positions, special tokens included: a list, or lists for a batch, of both sides where a
            text looks at itself. Of generated text one for each row, or for the whole sequence, which is one more. They stand
            in place of a recording's own names, wherever they fit.
        queries: of the rows alone; where one text looks at another, of what is written.
        keys: of the columns alone; where one text looks at another, of its source.
        title: what it is called; the text of a translation and what became of it, or the name of the model, where not given.
        image: the picture that an image model looked at: a path, bytes of a file, an array (height, width, 3) or an image of
            Pillow's; a list of them, one a sequence, or one for each picture that a sequence or ``patches`` are of.
        grid: patches of the image down and across, where they are not as many down as across.
        words: how the tokenizer marks words, a ``kind`` of ``regard.tokens.words_of``; False to leave them out; seen from the
            tokens where not given.
        statistics: whether heads are told in numbers; where not given, if that takes a second at most.
        view: what it opens with: "map", "heads", "ribbon", "text", "steps", "image", "effects",
            "finding"; one that fits where not given.
        map: which map it opens with: its number, or what the viewer calls it, as "cross layer 1".
        heads: which heads: one, several, which are averaged, or "all".
        query: which row is held at first: its position, or the word there.
        key: which column is held at first. Positions below 0 count from the end.
        unit: whether it opens in "tokens", "words", "characters", "sentences", or spans that it has, as "passages".
        against: what opens beside it in a second picture, as the subject: another recording, translation or map. Both show the
            same place, in the same colours, and the reader of the page may take one from the other.
        names: what the things in a list are called, or the two: their own names, "first" and "second" where not given.
        effects: what replacing parts of the model did, as ``regard.sweep`` found it: heads by their effects, each with its
            prompts, and one click away its map in what is looked at. Of passages, what hiding each did, by name.
        prompts: what was swept, as ``regard.sweep`` takes it, for the texts of the prompts: effects of a list know them, those
            of files do not.
        finding: what was measured of the subject: ``regard.passages``, whose passages the map is then zoomed along,
            ``word_times``, ``contacts`` or ``cache``. Alone it is a subject itself.
        spans: named parts of the text of the keys of the map that is opened, ``regard.Spans``; of several sorts
            {"turns": …, "passages": …}. The map opens in any of them, and is zoomed from the largest to single tokens.
        sound: of words in a sound, what was heard: (samples, samples a second).
        truth: of contacts, which residues touch in a known structure, (residues, residues): it is the half above the diagonal.
        max_bytes: of the page, in UTF-8.

    Returns:
        The HTML.

    Raises:
        TooLargeError: the page would be larger than ``max_bytes``; ``regard view FILE`` serves what no page can carry.
        OSError: the path cannot be written; what stood there before still does.
        DtypeError, ShapeError, ScoreError, RecordingError, OptionError: as ``document``.

    Example:
        >>> import regard
        >>> html = regard.page(regard.translate("The cat sat."), "cat.html")  # doctest: +SKIP
        >>> html = regard.page(output.attentions, "mine.html", tokens=["The", "cat", "sat"])  # doctest: +SKIP
        >>> html = regard.page(recording, view="text", map="self layer 3", heads=[0, 2], query="sat")  # doctest: +SKIP
        >>> html = regard.page(base, against=tuned, names=["base", "tuned"])  # doctest: +SKIP
        >>> html = regard.page(recording, effects=regard.sweep(model, prompts, "kl"))  # doctest: +SKIP
    """
    if isinstance(path, list | tuple):  # as head_view(attention, tokens) of other tools
        raise DtypeError(
            f"path: expected where to write the page, got a list of {len(path)}; the texts of the positions are tokens=[...]"
        )
    place = None if path is None else checked_path(path)
    options = {
        "tokens": tokens,
        "queries": queries,
        "keys": keys,
        "title": title,
        "image": image,
        "grid": grid,
        "words": words,
        "statistics": statistics,
        "view": view,
        "map": map,
        "heads": heads,
        "query": query,
        "key": key,
        "unit": unit,
        "against": against,
        "names": names,
        "effects": effects,
        "prompts": prompts,
        "finding": finding,
        "spans": spans,
        "sound": sound,
        "truth": truth,
    }
    if isinstance(subject, Document):
        given = [name for name, value in options.items() if value is not None]
        if given:
            raise OptionError(f"expected a Document alone, which has its own, got {', '.join(given)}; give them to document()")
        shown = subject
    else:
        shown = document(subject, **options)
    text = page_of(shown, max_bytes=max_bytes)
    if place is not None:
        with written_whole(place) as file:
            file.write(text.encode("ascii"))
    return text


def page_of(shown: Document, *, max_bytes: int = MAX_BYTES, bundle: str | None = None) -> str:
    """The page of a document.

    Args:
        shown: what it shows.
        max_bytes: as in ``page``.
        bundle: the front end as one ES module; where not given, the one that comes with Regard, as far as the page needs it.

    Raises:
        TooLargeError, OptionError: as ``page``.
    """
    whole_number("max_bytes", max_bytes, 1)
    if bundle is None:
        bundle = front_end() if "finding" in shown.manifest else page_program()
    code = bundle.encode()
    data = page_data(shown, max_bytes)
    packs = (
        f'<script type="text/plain" data-regard="{name}">{base64.b64encode(packed).decode()}</script>'
        for name, packed in {**data.packs, "program": gzip.compress(code, mtime=0)}.items()
    )
    hashes = (base64.b64encode(hashlib.sha256(script).digest()).decode() for script in (_START.encode(), code))
    text = _PAGE.format(
        policy=_POLICY.format(scripts=" ".join(f"'sha256-{one}'" for one in hashes)),
        title=escaped(data.manifest["title"]),
        still=_still(shown),
        manifest=json_in_html(data.manifest),
        packs="\n".join(packs),
        start=_START,
    )
    check_size(len(text), max_bytes)
    return text


def json_in_html(value: Any) -> str:
    r"""JSON that may stand in a script element whatever its texts say: no markup, nothing but ASCII.

    Example:
        >>> json_in_html(["</script>", "\ud800"])
        '["\\u003c/script\\u003e","\\ud800"]'
    """
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def escaped(text: str) -> str:
    """Text for HTML, in ASCII. What cannot be seen, or would move what stands beside it, is written out, as in the viewer."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")  # halves that belong together meet
    seen = "".join(f"⟨{ord(one):04X}⟩" if unicodedata.category(one) in _UNSEEN and one != _JOINER else one for one in whole)
    return html.escape(seen).encode("ascii", "xmlcharrefreplace").decode()


def _still(shown: Document) -> str:
    """What can be read without JavaScript: what there is, and the map that the page opens with as a table, if it is small."""
    manifest = shown.manifest
    lines = [f"<h1>{escaped(manifest['title'])}</h1>"]
    lines.append("<p>This page computes and draws attention in the browser: it needs JavaScript, and no network.</p>")
    lines += [f"<p>{escaped(note)}</p>" for note in manifest["notes"]]
    lines += [
        f"<p>Word alignment ({escaped(found['reading'])}): {escaped(', '.join(_links(found)))}</p>"
        for found in manifest["alignments"]
    ]
    number = manifest["opening"].get("map", 0)
    info = manifest["maps"][number]
    if max(info["queries"], info["keys"]) <= STILL_CELLS:
        heads = manifest["opening"].get("heads", [0])
        lines.append(_table(shown, number, heads, manifest["opening"].get("rowAxis", 0)))
    return "\n".join(lines)


def _links(found: dict[str, Any]) -> list[str]:
    return [f"{found['sourceWords'][source]}–{found['targetWords'][target]}" for source, target in found["links"]]


def _table(shown: Document, number: int, heads: list[int], row_axis: int) -> str:
    info, axes = shown.manifest["maps"][number], shown.manifest["axes"]
    cells = {
        name: {"start": 0, "stop": info[size], "count": info[size]} for name, size in (("rows", "queries"), ("columns", "keys"))
    }
    how = {"how": "mean", "hideSpecial": False, "renormalise": False, "sample": 0}
    weights = unpack(shown.answer("region", {"map": number, "heads": heads, **cells, **how}))[1]["values"]
    rows, columns = axes[info["rowAxes"][row_axis]]["tokens"], axes[info["columnAxis"]]["tokens"]
    name = info["name"] if info["of"] is None else f"{info['of']}: {info['name']}"
    said = f"Effects on {name}" if shown.maps[number].signed else f"Weights of {name}, {head_names(heads)}"
    lines = [f"<table><caption>{escaped(said)}</caption>", "<tr><th></th>"]
    lines += [f'<th scope="col">{escaped(token)}</th>' for token in columns]
    lines.append("</tr>")
    for token, row in zip(rows, weights.tolist(), strict=True):
        lines.append(f'<tr><th scope="row">{escaped(token)}</th>{"".join(f"<td>{weight:.2f}</td>" for weight in row)}</tr>')
    return "\n".join([*lines, "</table>"])
