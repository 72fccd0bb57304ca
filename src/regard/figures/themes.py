"""Light and dark: the colours of a picture."""

from dataclasses import dataclass

from matplotlib.colors import LinearSegmentedColormap

from regard.arguments import one_of


@dataclass(frozen=True)
class Theme:
    """Colours that belong together.

    The anchors of both maps start at the background and are equally far apart in CAM02-UCS (Luo, Cui & Li 2006), so that
    equal steps of weight look equal; their lightness only rises or only falls, so that they can be told apart in grey and
    by colour-blind readers. They follow seaborn's mako (positive) and rocket (negative).
    """

    background: str
    text: str
    dimmed: str
    frame: str
    accent: str
    positive: tuple[str, ...]
    negative: tuple[str, ...]

    def sequential(self) -> LinearSegmentedColormap:
        """From nothing, which is the background, to everything."""
        return LinearSegmentedColormap.from_list("regard", self.positive)

    def diverging(self) -> LinearSegmentedColormap:
        """Zero in the middle, which is the background. The far ends of the two sides look alike and are left out."""
        half = 7
        anchors = [*self.negative[half - 1 : 0 : -1], *self.positive[:half]]
        return LinearSegmentedColormap.from_list("regard_signed", anchors, N=257)  # odd: 0 has a colour of its own


THEMES = {
    "light": Theme(
        background="#ffffff",
        text="#1c2024",
        dimmed="#8b929b",
        frame="#b4bac2",
        accent="#e8590c",
        positive=(
            *("#ffffff", "#cfe8e1", "#97d6c5", "#56bfb0", "#32a4a9", "#308aa7"),
            *("#3670a3", "#3e5394", "#3f3872", "#342449", "#201322"),
        ),
        negative=(
            *("#ffffff", "#f7dbd2", "#f5b79b", "#f69069", "#f26348", "#df3444"),
            *("#bd1852", "#95195c", "#6b1e58", "#431c45", "#1e122d"),
        ),
    ),
    "dark": Theme(
        background="#121418",
        text="#e8eaed",
        dimmed="#7d848d",
        frame="#4a5058",
        accent="#ff922b",
        positive=(
            *("#121418", "#292137", "#3a3062", "#414789", "#3b649d", "#317ea6"),
            *("#2b98aa", "#3ab1ab", "#63caad", "#9de0b9", "#d2f0db"),
        ),
        negative=(
            *("#121418", "#2d1b31", "#511f4d", "#791d5b", "#a1165a", "#c71c4e"),
            *("#e53f43", "#f36c4b", "#f6976b", "#f6bd9b", "#f9e2d0"),
        ),
    ),
}


def theme_named(name: str) -> Theme:
    """The theme of this name, or OptionError with the names there are."""
    return THEMES[one_of("theme", name, THEMES)]
