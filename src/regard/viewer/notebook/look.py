"""How large the viewer is in a notebook, and in which theme."""

from regard.arguments import one_of, whole_number

SHORTEST, TALLEST = 200, 4000
THEMES = ("auto", "light", "dark")


def checked_look(height: int, theme: str) -> tuple[int, str]:
    """Height and theme, if there are such.

    Raises:
        OptionError: another theme, or a height that no screen has.
    """
    return whole_number("height", height, SHORTEST, TALLEST, advice="it is in pixels"), one_of("theme", theme, THEMES)
