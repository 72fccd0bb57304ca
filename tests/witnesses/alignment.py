"""Rules of word alignment, written again in plain loops from what their authors say."""


def best(values):
    """The place of the first largest value."""
    return max(range(len(values)), key=lambda at: values[at])


def argmax_links(weights, threshold, free):
    """Every target word's best source word; rows in ``free`` have none."""
    return {(best(row), t) for t, row in enumerate(weights) if t not in free and max(row) > threshold}


def threshold_links(weights, threshold, free):
    """All pairs above the threshold."""
    return {(s, t) for t, row in enumerate(weights) if t not in free for s, weight in enumerate(row) if weight > threshold}


def mutual_links(weights, threshold, free):
    """Pairs that are each other's best."""
    rows = [[0.0] * len(row) if t in free else row for t, row in enumerate(weights)]
    columns = list(zip(*rows, strict=True))
    return {(s, t) for s, t in argmax_links(rows, threshold, free) if best(columns[s]) == t}


def itermax_links(weights, threshold, free, discount=0.9):
    """Jalili Sabet et al. 2020, algorithm 1 with two rounds, as SimAlign's code has it: short sides and full ones end it."""
    rows = [[0.0] * len(row) if t in free else list(row) for t, row in enumerate(weights)]
    targets, sources = len(rows), len(rows[0])
    links = mutual_links(rows, threshold, free)
    linked_rows, linked_columns = {t for _, t in links}, {s for s, _ in links}
    if min(targets, sources) <= 2 or len(linked_rows) == targets or len(linked_columns) == sources:
        return links
    for t, s in ((t, s) for t in range(targets) for s in range(sources)):
        if rows[t][s] <= threshold:
            rows[t][s] = 0.0
        rows[t][s] *= {0: 1.0, 1: discount, 2: 0.0}[(t in linked_rows) + (s in linked_columns)]
    return links | mutual_links(rows, 0.0, free)


def grow_diag_final_and(forward, reverse):
    """Koehn et al. 2005, as the Moses manual has it in pseudocode."""
    links, union = forward & reverse, forward | reverse
    neighbours = [(-1, 0), (0, -1), (1, 0), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1)]

    def source_linked(s):
        return any(one == s for one, _ in links)

    def target_linked(t):
        return any(one == t for _, one in links)

    while True:
        before = len(links)
        for s, t in sorted(links):
            for x, y in neighbours:
                near = (s + x, t + y)
                if near in union and not (source_linked(near[0]) and target_linked(near[1])):
                    links = links | {near}
        if len(links) == before:
            break
    for direction in (forward, reverse):
        for s, t in sorted(direction):
            if not source_linked(s) and not target_linked(t):
                links = links | {(s, t)}
    return links
