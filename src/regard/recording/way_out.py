"""What a block has to undo, whatever ends it: its end, an error, an interrupt between two lines, or that nobody holds it."""

from collections.abc import Callable


class WayOut:
    """Steps that undo what was done: each is said *before* it is done, as an interrupt may come in between.

    So a step may have nothing to undo, and may be called twice.

    Example:
        >>> way_out, lamp = WayOut(), {"on"}
        >>> way_out.then(lamp.clear)
        >>> way_out.leave()
        >>> lamp
        set()
    """

    def __init__(self) -> None:
        self._steps: list[Callable[[], object]] = []

    def then(self, step: Callable[[], object]) -> None:
        """Before all that were said until now, do this."""
        self._steps.append(step)

    def leave(self) -> None:
        """Undo everything, what was done last first; an interrupt or an error of a step is raised when all is undone."""
        first: BaseException | None = None
        while self._steps:
            for _ in range(2):  # what interrupts a step does not interrupt it again
                try:
                    self._steps[-1]()
                    break
                except BaseException as error:  # noqa: BLE001 - it is raised below
                    first = first or error
            self._steps.pop()
        if first is not None:
            raise first

    def __del__(self) -> None:
        """An interrupt at the very end of a block may keep it from its way out: it is taken when the block is let go."""
        if hasattr(self, "_steps"):  # it may have been interrupted as it was made
            self.leave()
