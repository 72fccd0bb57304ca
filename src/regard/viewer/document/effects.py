"""Effects as something to look at: a map of sites by prompts for each measure, and what is said of each site."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from regard.errors import DtypeError, OptionError, in_short
from regard.interventions.corpus_sweep import is_addresses
from regard.interventions.effects import Effects
from regard.interventions.prompt_corpus import prompt_corpus, prompts_of
from regard.interventions.prompts import Prompt, prompt_text, texts_of
from regard.interventions.site_effects import ADJUSTED, SiteEffect
from regard.interventions.sweep import prompts_given
from regard.interventions.tables import Grid, Site
from regard.maps.attention_map import AttentionMap
from regard.tokens.texts import visible
from regard.viewer.document.subjects import ShownAxis, ShownMap, Subject

LONGEST_TEXT = 400
"""Characters of a prompt that are shown."""

Place = tuple[str, int]
"""File and line of a prompt."""


def effects_subject(found: Any, prompts: Any = None, beside: Subject | None = None) -> Subject:
    """Effects to look at: for each measure a map with a row for each site and a column for each prompt.

    Args:
        found: what ``regard.sweep`` or ``regard.attribute`` gave.
        prompts: what was swept, as ``regard.sweep`` takes it, for the texts of the prompts.
        beside: what else there is to see: heads of its maps are opened from their effects.

    Raises:
        DtypeError: no effects, or no prompts. OptionError: effects of no prompt, or of heads that ``beside`` has not.
    """
    if not isinstance(found, Effects):
        raise DtypeError(f"effects: expected what regard.sweep gives, got {in_short(found)}; Effects.load reads a file of them")
    grids = {measure: found.grid(measure) for measure in found.measures}
    if not grids or not all(grid.sites for grid in grids.values()):
        raise OptionError("effects: expected effects of some prompts, got none; see what was left out: about['left_out']")
    sites = sorted({site for grid in grids.values() for site in grid.sites})
    places = sorted({place for grid in grids.values() for place in grid.places})
    texts = _texts(found, prompts)
    title = _title(found)
    made = beside or Subject(title)
    item, first = len(made.items), len(made.maps)
    made.items.append(title)
    names = [_name(place) for place in places]
    shown = [texts.get(place) or name for place, name in zip(places, names, strict=True)]
    kinds = len({site.kind for site in sites}) > 1
    called = [f"{site.kind} {site.name}" if kinds and site.is_head else site.name for site in sites]
    rows = ShownAxis("sites", tuple(called), len(sites), whole=True)
    columns = ShownAxis("prompts", tuple(shown), len(places), whole=True)
    measures: list[dict[str, Any]] = []
    for at, (measure, grid) in enumerate(grids.items()):
        values = _whole(grid, sites, places)
        amap = AttentionMap.from_dense(torch.from_numpy(np.nan_to_num(values)).float()[None, None])
        amap.name = measure
        tested = found.tests(measure)
        said = [_row(row, sites.index(row.place), values) for row in tested]
        how = f"{ADJUSTED[tested.adjust]} over {len(said)} site{'' if len(said) == 1 else 's'}"
        measures.append({"map": first + at, "name": measure, "adjusted": how, "rows": said})
        if beside is not None:
            _add_statistics(beside, measure, list(tested), estimated=found.estimated)
        made.maps.append(ShownMap(amap, item, (rows,), columns, signed=True))
    made.effects = {
        "estimated": found.estimated,
        "sites": [
            {"name": visible(name), **_opened(site, made.maps[:first])} for name, site in zip(called, sites, strict=True)
        ],
        "prompts": [{"name": name, "text": texts.get(place, "")} for place, name in zip(places, names, strict=True)],
        "measures": measures,
    }
    heads = [site for site in sites if site.is_head]
    if beside is not None and heads and all(site["map"] is None for site in made.effects["sites"]):
        raise OptionError(
            f"effects: expected those of heads that are there, got {heads[0].kind} {heads[0].name} and others; give the "
            "effects of the model that was recorded, or look at them by themselves"
        )
    made.opening = {"view": "effects", "map": first, "query": measures[0]["rows"][0]["site"]}
    made.notes.extend(_notes(found, texts, places))
    return made


def _title(found: Effects) -> str:
    about = found.about
    model = about.get("model")
    what = f"{'estimated ' if found.estimated else ''}effects{f' of {model}' if isinstance(model, str) and model else ''}"
    replaced = about.get("replacement")
    return visible(f"{what}, {replaced}" if isinstance(replaced, str) and replaced else what)


def _notes(found: Effects, texts: Mapping[Place, str], places: Sequence[Place]) -> Iterable[str]:
    if found.estimated:
        yield "These effects are estimates: nothing was run with a site replaced."
    if unknown := sum(place not in texts for place in places):
        which = "The texts of the prompts are" if unknown == len(places) else f"The texts of {unknown:,} prompts are"
        yield f"{which} not here: give what was swept as prompts=, or --prompts."


def _whole(grid: Grid, sites: Sequence[Site], places: Sequence[Place]) -> Any:
    """The effects of all sites on all prompts, (sites, prompts), NaN where there is none."""
    made = np.full((len(sites), len(places)), np.nan)
    of_site, of_place = ({one: at for at, one in enumerate(listed)} for listed in (sites, places))
    made[np.ix_([of_site[site] for site in grid.sites], [of_place[place] for place in grid.places])] = grid.values.T
    return made


def _row(row: SiteEffect, site: int, values: Any) -> dict[str, Any]:
    """What is said of a site; null what is not known."""
    numbers = {
        "effect": row.effect,
        "error": row.standard_error,
        "low": row.low,
        "high": row.high,
        "adjusted": row.adjusted,
        "unchanged": row.unchanged,
        "changed": row.changed,
        "otherSign": row.other_sign,
    }
    said = {name: float(f"{value:.6g}") if math.isfinite(value) else None for name, value in numbers.items()}
    absent = np.flatnonzero(np.isnan(values[site])).tolist()
    return {"site": site, "prompts": row.prompts, **said, **({"absent": absent} if absent else {})}


def _opened(site: Site, maps: Sequence[ShownMap]) -> dict[str, int | None]:
    """The map of the head, where there is one beside the effects."""
    if site.is_head:
        for at, shown in enumerate(maps):
            amap = shown.amap
            if (amap.kind, amap.layer) == (site.kind, site.layer) and site.head < amap.shape[1]:
                return {"map": at, "head": site.head}
    return {"map": None, "head": None}


def _add_statistics(beside: Subject, measure: str, rows: Sequence[SiteEffect], *, estimated: bool) -> None:
    """The effects of heads among the numbers of the maps' heads, where each head of a map has one."""
    name = f"effect on {measure}"
    for at, shown in enumerate(beside.maps):
        amap, of = shown.amap, dict[int, list[SiteEffect]]()
        for row in rows:
            if row.place.is_head and (row.kind, row.layer) == (amap.kind, amap.layer):
                of.setdefault(row.head, []).append(row)
        found = [one[0] for _, one in sorted(of.items()) if len(one) == 1 and math.isfinite(one[0].effect)]
        if len(found) < amap.shape[1] or len(of) != amap.shape[1]:
            continue
        beside.numbers.setdefault(at, {})[name] = [(one.effect, one.standard_error) for one in found]
        what = "estimated, not run" if estimated else "changed − unchanged"
        beside.definitions[name] = {
            "quantity": "",
            "meaning": f"How much {measure} changes when the head is replaced: mean over prompts ± its standard error, {what}.",
        }


def _name(place: Place) -> str:
    file, line = place
    return visible(f"{file}:{line + 1}") if file else f"prompt {line}"


def _texts(found: Effects, prompts: Any) -> dict[Place, str]:
    """The text of each prompt, as far as it is known."""
    if prompts is None:
        texts = dict(found.texts or {})
    elif is_addresses(prompts):
        read = prompts_of(prompt_corpus(prompts, found.about.get("columns") or {}))
        texts = {(file, line): prompt_text(one) for file, line, one in read if isinstance(one, Prompt)}
    else:
        texts = texts_of(prompts_given(prompts))
    if prompts is not None and not texts.keys() & set(found.prompts):
        names = ", ".join(dict.fromkeys(_name(place) for place in found.prompts[:3]))
        raise OptionError(f"prompts: expected what was swept, with {names}, got other prompts; give the same list or address")
    return {place: shortened(visible(text)) for place, text in texts.items()}


def shortened(text: str) -> str:
    """A text that is not too long to be shown among others.

    Example:
        >>> shortened("A cat"), len(shortened("A cat " * 100))
        ('A cat', 400)
    """
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"
