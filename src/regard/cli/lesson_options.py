"""What may be typed after ``regard lessons``."""

import argparse
from pathlib import Path


def add_lessons(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The list, and what can be done with an exercise."""
    lessons = commands.add_parser(
        "lessons",
        help="exercises: write attention yourself, and be told what went wrong",
        description="List the exercises and what was tried of them; do one, or make a table of the tries of a class. Tries are "
        "kept in lessons.json of this folder, or where --record says.",
    )
    lessons.set_defaults(module="lessons", action="list")
    _add_record_file(lessons)
    actions = lessons.add_subparsers(title="what to do", metavar="ACTION")
    for name, says in (
        ("task", "what to do in an exercise"),
        ("begin", "the file to start from: regard lessons begin scale > scale.py"),
        ("hint", "a hint; each tells more than the one before"),
        ("solution", "a right answer, once yours is right or you give up"),
    ):
        action = actions.add_parser(name, help=says, description=says[0].upper() + says[1:] + ".")
        action.add_argument("name", nargs="+", metavar="NAME", help="of the exercise, as regard lessons lists it")
        action.set_defaults(action=name)
        if name == "hint":
            action.add_argument("--number", type=int, default=1, metavar="N", help="the first (default), the second, ...")
        if name == "solution":
            action.add_argument("--give-up", action="store_true", help="show it though no answer was right")
            _add_record_file(action)
    check = actions.add_parser(
        "check",
        help="try the answers in a file, and name their mistakes",
        description="Run FILE, and check every function in it that has the name of an exercise's function. It is run with your "
        "rights, as python FILE is. Status 0 if all are right, 1 if not.",
    )
    check.add_argument("file", type=Path, metavar="FILE", help="Python, with one answer or more")
    check.add_argument("--only", metavar="NAME", help="the exercise to check, where the file has several")
    check.add_argument("--student", metavar="NAME", help="who answers: inputs drawn at random are this student's own")
    check.add_argument("--json", action="store_true", help="one JSON object for each answer instead of text")
    _add_record_file(check)
    check.set_defaults(action="check")
    whole = actions.add_parser(
        "class",
        help="the tries of a class as a table",
        description="The tries of many students: a row for each student and exercise, with the mistakes that were named.",
    )
    whole.add_argument("files", nargs="+", type=Path, metavar="FILE", help="what regard lessons check has kept, one a student")
    whole.add_argument("--json", action="store_true", help="one JSON list instead of a table")
    whole.set_defaults(action="class")


def _add_record_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--record", type=Path, metavar="FILE", help="where tries are kept (default lessons.json)")
