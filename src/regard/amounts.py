"""Bytes, seconds and numbers of heads as people read them."""


def bytes_text(count: int) -> str:
    """A number of bytes as people read it."""
    size, unit = float(count), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(size) < 1024 or unit == "TiB":
            break
        size /= 1024
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"


def duration_text(seconds: float) -> str:
    """A time as people say it.

    >>> duration_text(0.004), duration_text(34.2), duration_text(400), duration_text(9000)
    ('4 ms', '34 s', '7 min', '2.5 h')
    """
    for size, unit in ((3600.0, "h"), (60.0, "min"), (1.0, "s")):
        if seconds >= 1.5 * size:
            count = seconds / size
            return f"{count:.1f} {unit}" if unit == "h" and count < 10 else f"{count:.0f} {unit}"
    return f"{seconds * 1000:.0f} ms"


def heads_text(count: int, *, chosen: bool) -> str:
    """Of which heads a number is.

    >>> heads_text(4, chosen=False), heads_text(2, chosen=True), heads_text(1, chosen=True)
    ('mean of all 4 heads', 'mean of 2 chosen heads', 'the chosen head')
    """
    if count == 1:
        return "the chosen head" if chosen else "the only head"
    return f"mean of {count} chosen heads" if chosen else f"mean of all {count} heads"
