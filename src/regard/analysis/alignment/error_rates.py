"""How far links are from those that people drew: precision, recall, alignment error rate."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from regard.arguments import one_of, whole_number
from regard.errors import OptionError, ShapeError, in_short

Link = tuple[int, int]
Links = Collection[Link] | Sequence[Collection[Link]]

WAYS = ("intersection", "union", "grow-diag-final-and")

NEIGHBOURS = ((-1, 0), (0, -1), (1, 0), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1))
"""Of a link, in the order in which Moses looks at them."""


@dataclass(frozen=True)
class Scores:
    """Of one sentence pair, or of a corpus, whose links are counted together (Och & Ney 2003).

    Attributes:
        precision: |A∩P| / |A|, the share of the found links that are not wrong; 1 where none was found.
        recall: |A∩S| / |S|, the share of the sure links that were found; 1 where there are none.
        aer: 1 − (|A∩S| + |A∩P|) / (|A| + |S|).
        found: |A|.
        sure: |S|.
    """

    precision: float
    recall: float
    aer: float
    found: int
    sure: int


def aer(links: Links, sure: Links, possible: Links) -> float:
    """Alignment error rate, 1 − (|A∩S| + |A∩P|) / (|A| + |S|) (Och & Ney 2003), of one pair or of a whole corpus.

    Args:
        links: A, pairs (source word, target word); or a list of such sets, one a sentence pair.
        sure: S, links that all annotators drew.
        possible: P, links that are not wrong; the sure ones count as possible whether they are listed or not.

    Returns:
        0 (perfect) to 1.

    Raises:
        ShapeError: lists of different lengths; OptionError: no links at all, or what is no set of pairs.

    Example:
        >>> aer({(0, 0), (1, 2)}, sure={(0, 0)}, possible={(1, 1), (1, 2)})
        0.0
    """
    return scores(links, sure, possible).aer


def scores(links: Links, sure: Links, possible: Links) -> Scores:
    """Precision, recall and error rate together; arguments and errors as for ``aer``.

    Example:
        >>> scores({(0, 0), (1, 2)}, sure={(0, 0), (2, 2)}, possible={(1, 1)})
        Scores(precision=0.5, recall=0.5, aer=0.5, found=2, sure=2)
    """
    corpora = [_corpus(name, given) for name, given in (("links", links), ("sure", sure), ("possible", possible))]
    if len({len(corpus) for corpus in corpora}) != 1:
        counts = ", ".join(f"{n} {len(c)}" for n, c in zip(("links", "sure", "possible"), corpora, strict=True))
        raise ShapeError(f"expected the same number of sentence pairs, got {counts}")
    right_sure = right = found = wanted = 0
    for drawn, certain, allowed in zip(*corpora, strict=True):
        right_sure += len(drawn & certain)
        right += len(drawn & (allowed | certain))
        found += len(drawn)
        wanted += len(certain)
    if found + wanted == 0:
        raise OptionError("expected at least one link, found or sure, got none; the error rate of nothing is not defined")
    return Scores(
        precision=right / found if found else 1.0,
        recall=right_sure / wanted if wanted else 1.0,
        aer=1 - (right_sure + right) / (found + wanted),
        found=found,
        sure=wanted,
    )


def symmetrised(forward: Collection[Link], reverse: Collection[Link], how: str = "grow-diag-final-and") -> set[Link]:
    """One set of links from those of two directions (Och & Ney 2003; Koehn et al. 2005).

    Args:
        forward: pairs (source word, target word).
        reverse: the other direction's, as pairs (source word, target word) too.
        how: "intersection", "union" or "grow-diag-final-and": the intersection, grown by links of the union beside it that link
            a word that has none, then by links of either direction whose two words have none.

    Raises:
        OptionError: another way.

    Example:
        >>> sorted(symmetrised({(0, 0), (1, 1), (1, 2)}, {(0, 0), (1, 1)}))
        [(0, 0), (1, 1), (1, 2)]
    """
    one_of("how", how, WAYS)
    one, other = checked_links("forward", forward), checked_links("reverse", reverse)
    if how == "intersection":
        return one & other
    if how == "union":
        return one | other
    links, either = one & other, one | other
    grown = True
    while grown:
        grown = False
        for source, target in sorted(links):
            for link in [(source + x, target + y) for x, y in NEIGHBOURS]:
                sources, targets = ({known[side] for known in links} for side in (0, 1))
                if link in either - links and (link[0] not in sources or link[1] not in targets):
                    links.add(link)
                    grown = True
    for direction in (one, other):
        for link in sorted(direction):
            sources, targets = ({known[side] for known in links} for side in (0, 1))
            if link[0] not in sources and link[1] not in targets:
                links.add(link)
    return links


def checked_links(name: str, given: Collection[Link]) -> set[Link]:
    """Links of one sentence pair: pairs of whole numbers, each once.

    Raises:
        OptionError: it is no collection of such pairs.

    Example:
        >>> checked_links("sure", [(0, 1), (0, 1)])
        {(0, 1)}
    """
    listed = isinstance(given, set | frozenset | list | tuple)
    if not listed or not all(isinstance(link, tuple | list) and len(link) == 2 for link in given):
        raise OptionError(f"expected {name} as a set of (source word, target word) pairs, got {in_short(given)}")
    return {(whole_number(name, source, 0), whole_number(name, target, 0)) for source, target in given}


def _corpus(name: str, given: object) -> list[set[Link]]:
    """One set of links a sentence pair, from one such set or a list of them."""
    sets: list[Any] = list(given) if isinstance(given, list | tuple) else [given]
    for links in sets:
        if not isinstance(links, set | frozenset) or any(not isinstance(link, tuple) or len(link) != 2 for link in links):
            raise OptionError(
                f"expected {name} as a set of (source word, target word) pairs, or a list of sets, got {in_short(links)}"
            )
    return [set(links) for links in sets]
