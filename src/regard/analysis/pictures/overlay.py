"""What a query looks at, or what scores say, laid over the picture that a tower was given."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor

from regard.arguments import float_tensor, one_of, several, text, whole_number
from regard.axes.axis import Axis
from regard.axes.pictures import Picture, check_placeholders, pictures_of
from regard.errors import DtypeError, OptionError, ScoreError, ShapeError, in_short
from regard.maps.attention_map import AttentionMap

if TYPE_CHECKING:
    from regard.figures.figure_files import Axes, Figure

Shown: TypeAlias = AttentionMap | Tensor
Query: TypeAlias = int | str | tuple[int, int]


def overlay(
    shown: Shown | Mapping[str, Shown],
    image: Any = None,
    *,
    queries: Sequence[Query] | None = None,
    head: int | str | None = None,
    picture: Picture | int = 0,
    title: str | None = None,
    width: float | None = None,
    font: float | None = None,
    theme: str = "light",
    ax: "Axes | None" = None,
) -> "Figure":
    """Maps of a tower, rollout or relevance over its picture: a column for each of them, a row for each query.

    Each is coloured by its own largest patch, as methods have scales of their own; beside a query stands what it gives to all
    patches, for the rest goes to a class token, to registers and to itself. Patches are drawn as they are: smoothing hides
    that a few of the background may take most.

    Args:
        shown: a map of one sequence, or scores of its positions, such as ``regard.rollout(maps, tokens=0)[0, 0]`` or
            ``regard.relevance(recording, score).inputs[0]``; or several by name.
        image: the picture, as the model was given it: a path, bytes, an array or an image of Pillow's; blank where not given.
        queries: of maps: positions, labels such as "[CLS]" or "register 1", or patches (row, column); the class token where
            not given and there is one.
        head: which head of maps, or "mean" for the mean of all.
        picture: where its patches stand, or the number of the picture, as the map knows it.
        title: above the picture.
        width: in inches, as in ``regard.heatmap``.
        font: size of the letters in points, likewise.
        theme: "light" or "dark".
        ax: axes to draw in; a figure of its own where not given.

    Raises:
        OptionError: a query or a head that is not there or not chosen, patches that are not known; ShapeError: scores of other
        positions; DtypeError: neither maps nor scores.

    Example:
        >>> amap = AttentionMap(torch.randn(1, 2, 7, 4), torch.randn(1, 2, 7, 4))
        >>> from regard.axes import View
        >>> grid = Picture((View(2, 3, range(1, 7)),))
        >>> figure = overlay({"head 1": amap, "scores": torch.rand(7)}, queries=[0], head=1, picture=grid)
    """
    from regard.analysis.pictures.figure import overlay_figure

    named = dict(shown) if isinstance(shown, Mapping) else {"": shown}
    if not named:
        raise OptionError("shown: expected at least one map or scores, got none")
    for name, one in named.items():
        text("shown", name, advice="name each map")
        if not isinstance(one, AttentionMap | Tensor):
            raise DtypeError(f"shown: expected maps or tensors of scores, got {in_short(one)}; or a mapping of names to them")
    maps = {name: one for name, one in named.items() if isinstance(one, AttentionMap)}
    axis = next(iter(maps.values())).keys if maps else None
    place = _picture(picture, axis)
    chosen = [] if not maps else _queries(queries, next(iter(maps.values())))
    if not maps and queries is not None:
        raise OptionError("queries: expected them for maps, got scores alone, which are of no query")
    if len(chosen) > 1 and len(maps) < len(named):
        raise OptionError(f"queries: expected one beside scores, which are of no query, got {len(chosen)}")
    asked: list[int | None] = [*chosen] or [None]
    rows = [_row(named, place, at, head) for at in asked]
    labels = [_label(next(iter(maps.values())).queries, at) for at in chosen] or [""]
    look: dict[str, Any] = {"title": title, "width": width, "font": font, "theme": theme, "ax": ax}
    return overlay_figure(labels, list(named), rows, image, **look)


def _row(named: Mapping[str, Shown], place: Picture, query: int | None, head: int | str | None) -> list[tuple[Tensor, float]]:
    """For each column, the picture's cells and what all of its patches have."""
    made = []
    for name, one in named.items():
        weights = _of_map(one, query, head) if isinstance(one, AttentionMap) else _scores(name, one)
        if max(place.positions) >= len(weights):
            raise ShapeError(f"shown: expected {max(place.positions) + 1} positions or more, got {len(weights)} of {name!r}")
        made.append((place.heat(weights), float(weights[list(place.positions)].sum())))
    return made


def _of_map(amap: AttentionMap, query: int | None, head: int | str | None) -> Tensor:
    if amap.shape[0] != 1:
        raise ShapeError(f"shown: expected maps of one sequence, got {amap.shape[0]}; take one: amap.sample(0)")
    if query is None or query >= amap.shape[2]:
        raise ShapeError(f"shown: expected maps with as many queries, got {amap.shape[2]}")
    if head is None and amap.shape[1] > 1:
        raise OptionError(f'head: expected one of {amap.shape[1]}, or "mean" for the mean of all, got none')
    if isinstance(head, str):
        one_of("head", head, ("mean",))
        return amap.select(queries=query).dense()[0, :, 0].double().mean(0)
    at = 0 if head is None else whole_number("head", head, 0, amap.shape[1] - 1)
    return amap.select(heads=at, queries=query).dense()[0, 0, 0].double()


def _scores(name: str, values: Tensor) -> Tensor:
    made = float_tensor("shown", values).detach().double().cpu().squeeze()
    of = f" of {name!r}" if name else ""
    if made.ndim != 1:
        raise ShapeError(f"shown: expected scores (positions,), got {tuple(values.shape)}{of}; take one sequence")
    if not bool(torch.isfinite(made).all()):
        raise ScoreError(f"shown: expected finite scores, got NaN or infinite ones{of}; look for what made them")
    return made


def _picture(picture: Picture | int, axis: Axis | None) -> Picture:
    if isinstance(picture, Picture):
        if axis is not None:
            check_placeholders([picture], axis)
        return picture
    whole_number("picture", picture, 0)
    if axis is None:
        raise OptionError("picture: expected where patches stand, as scores do not say it; give regard.pictures(amap.keys)[0]")
    known = pictures_of(axis)
    return known[whole_number("picture", picture, 0, len(known) - 1)]


def _queries(asked: Sequence[Query] | None, amap: AttentionMap) -> list[int]:
    axis = amap.queries
    if asked is None:
        found = [at for at, label in enumerate(axis.text or ()) if label == "[CLS]"]
        if not found:
            raise OptionError(
                "queries: expected some, as this map has no class token, got none; such as queries=[(row, column)]"
            )
        return found[:1]
    made = []
    for one in several("queries", asked, "positions, labels or patches"):
        if isinstance(one, str):
            if axis.text is None or one not in axis.text:
                raise OptionError(f"queries: expected a label of the map's queries, got {in_short(one)}")
            made.append(axis.text.index(one))
        elif isinstance(one, tuple | list) and len(one) == 2:
            wanted = tuple(whole_number("queries", side, 0) for side in one)
            at = [at for at, place in enumerate(axis.place or ()) if place is not None and tuple(place)[-2:] == wanted]
            if not at:
                raise OptionError(f"queries: expected a patch (row, column) that the map knows, got {wanted}")
            made.append(at[0])
        else:
            made.append(whole_number("queries", one, 0, len(axis) - 1, advice="or a label, or a patch (row, column)"))
    if not made:
        raise OptionError("queries: expected at least one, got none")
    return made


def _label(axis: Axis, at: int) -> str:
    return axis.text[at] if axis.text is not None else str(at)
