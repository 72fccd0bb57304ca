"""Which modules read a private name of another room: what everybody needs is public, or it is not needed."""

import ast
from collections import defaultdict
from pathlib import Path

OF_NAMED_TUPLES = {"_asdict", "_fields", "_make", "_replace"}  # public, whatever they look like


def private_uses(package: Path) -> list[str]:
    """Uses of another room's private names, as ``room/file.py:line name``.

    A room is what stands directly in the package. A use is an import of a private name from another room, or the reading of a
    private attribute that some other room defines and this file does not; ``self`` and ``cls`` are one's own.
    """
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(package.rglob("*.py"))}
    defined = defaultdict(set)
    for path, tree in trees.items():
        defined[_room(package, path)] |= _definitions(tree)
    elsewhere = {room: set().union(*(names for other, names in defined.items() if other != room)) for room in defined}
    found = []
    for path, tree in trees.items():
        room, place = _room(package, path), path.relative_to(package).as_posix()
        foreign = elsewhere[room] - _definitions(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{package.name}."):
                names = [alias.name for alias in node.names] if node.module.split(".")[1] != room else []
            elif isinstance(node, ast.Attribute) and not _is_own(node):
                names = [node.attr] if node.attr in foreign else []
            else:
                continue
            found += [f"{place}:{node.lineno} {name}" for name in names if _is_private(name)]
    return found


def _room(package: Path, path: Path) -> str:
    return path.relative_to(package).parts[0].removesuffix(".py")


def _is_own(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in OF_NAMED_TUPLES


def _definitions(tree: ast.Module) -> set[str]:
    """Private names that a module defines: functions, classes, assigned names and attributes."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and _is_own(node):
            names.add(node.attr)
    return {name for name in names if _is_private(name)}
