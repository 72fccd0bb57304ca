"""Right answers in other words, and wrong ones made by a small change: written by rules, so that there are hundreds of them."""

import ast
import itertools
import random
import re

import torch

#: What may stand for what in a right answer without changing its numbers: (pattern, replacement).
STYLES = (
    (r"torch\.softmax\((\w+), dim=-1\)", r"(\1 - \1.logsumexp(dim=-1, keepdim=True)).exp()"),
    (r"torch\.softmax\((\w+), dim=-1\)", r"\1.double().softmax(-1).to(\1.dtype)"),
    (r"torch\.softmax\((.+?), dim=-1\)", r"torch.nn.functional.softmax(input=\1, dim=-1)"),
    (r"(\w+)\.masked_fill\(~(\w+), -torch\.inf\)", r"torch.where(\2, \1, torch.tensor(-torch.inf))"),
    (r"(\w+)\.masked_fill\(~(\w+), -torch\.inf\)", r"(\1 + torch.zeros(\2.shape).masked_fill(\2.logical_not(), -torch.inf))"),
    (r"(\w+)\.masked_fill\(~(\w+), -torch\.inf\)", r"\1.clone().masked_fill_(\2 == 0, float('-inf'))"),
    (r"\.mT\b", ".transpose(-2, -1)"),
    (r"\.mT\b", ".swapaxes(-1, -2)"),
    (r"(\w+) @ (\w+)\.mT", r"torch.einsum('...qd,...kd->...qk', \1, \2)"),
    (r"(\w+) @ (\w+)\.mT", r"(\1.unsqueeze(-2) * \2.unsqueeze(-3)).sum(-1)"),
    (r"(?<![.\w])(\w+) @ (\w+)\b(?![.(\[])", r"torch.matmul(\1, \2)"),
    (r"\b(\w+(?:\.shape\[-1\])?) ?\*\* ?0\.5", r"torch.sqrt(torch.tensor(float(\1)))"),
    (r"\bquery\.shape\[-1\]", "query.size(dim=-1)"),
    (r"\bquery\.shape\[-1\]", "query.unbind(0)[0].shape[-1]"),
    (r"\.amax\(dim=-1, keepdim=True\)", ".max(-1, True)[0]"),
    (r"\.amax\(dim=-1, keepdim=True\)", ".topk(1, -1).values"),
    (r"\.sum\(dim=-1, keepdim=True\)", ".sum(-1).unsqueeze(-1)"),
    (r"torch\.exp\((.+?)\)\n", r"torch.e ** (\1)\n"),
    (r"\.repeat_interleave\(group, dim=0\)", "[torch.arange(len(query)) // group]"),
    (r"(\w+)\.repeat_interleave\(group, dim=0\)", r"torch.stack([head for head in \1 for _ in range(group)])"),
    (r"x\.transpose\(1, 2\)", "x.movedim(1, 2)"),
    (r"x\.transpose\(1, 2\)", "x.permute(0, 2, 1, 3)"),
    (r"\.reshape\(", ".contiguous().view("),
    (r"torch\.cat\(", "torch.concatenate("),
    (r"torch\.ones\((.+?), dtype=torch\.bool\)\.tril\((.*?)\)", r"(torch.ones(\1).tril(\2) == 1)"),
    (r"torch\.ones\((.+?), dtype=torch\.bool\)\.tril\((.*?)\)", r"~torch.ones(\1).triu(1 + \2).bool()"),
    (r"torch\.outer\((\w+)\[t\], (\w+)\[t\]\)", r"\1[t][:, None] * \2[t]"),
    (r"torch\.outer\((\w+)\[t\], (\w+)\[t\]\)", r"torch.einsum('d,e->de', \1[t], \2[t])"),
    (r"query\[t\] @ state", "(query[t][:, None] * state).sum(0)"),
    (r"query\[t\] @ state", "torch.mv(state.T, query[t])"),
    (r"\.cos\(\)", ".add(torch.pi / 2).sin()"),
    (r"10000\.0 \*\* \((.+?)\)\n", r"torch.exp(torch.log(torch.tensor(1e4)) * (\1))\n"),
    (r"positions\[:, None\] \* frequencies", "torch.outer(positions.float(), frequencies)"),
    (r"torch\.tanh\((.+?)\)\n", r"(2 * torch.sigmoid(2 * (\1)) - 1)\n"),
    (r"torch\.maximum\((\w+), (.+)\)\n", r"torch.where(\1 > \2, \1, \2)\n"),
    (r"\bqueries\b", "rows"),
    (r"\bkeys - queries\b", "(keys - queries)"),
    (r"powers", "e"),
    (r"weights\.masked_fill\(~visible, 0\.0\)", "torch.nan_to_num(weights * visible)"),
    (r"weights\.masked_fill\(~visible, 0\.0\)", "weights.where(visible, torch.zeros(()))"),
    (r"\.sum\(dim=1\)", ".sum(1)"),
    (r"(to_words\[.*?\])\.mean\(dim=0\)", r"\1.sum(0).div(len(to_words[target_words == word]))"),
    (r"by_word\.argmax\(dim=1\)", "by_word.max(1).indices"),
    (r"\[:, :, :keys\]", "[..., :-1]"),
    (r"sinks\[:, None, None\]", "sinks.reshape(-1, 1, 1)"),
    (r"return (\w+), (\w+)$", r"return [\1, \2]"),
)


def program(exercise, text):
    names = {"torch": torch}
    exec(text, names)  # noqa: S102 - our own text, with our own changes
    return names[exercise.answer.__name__]


def styles(exercise, at_once):
    """Right answers as (what was rewritten, function), by so many of the rules at once."""
    for rules in itertools.combinations(STYLES, at_once):
        head, text = exercise.start.rsplit("\n", 1)[0], exercise.solution
        body = text[len(head) :]
        for pattern, replacement in rules:
            changed = re.sub(pattern, replacement, body)
            if changed == body:
                break
            body = changed
        else:
            yield " | ".join(pattern for pattern, _ in rules), program(exercise, head + body)


SWAPPED = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.BitAnd: ast.BitOr,
    ast.FloorDiv: ast.Div,
    ast.MatMult: ast.Mult,
}
CALLS = {
    "amax": ("amin", "mean", "sum"),
    "sum": ("mean", "amax", "prod"),
    "mean": ("sum", "amax"),
    "softmax": ("log_softmax", "sigmoid"),
    "exp": ("abs", "expm1", "sigmoid"),
    "tril": ("triu",),
    "maximum": ("minimum",),
    "cos": ("sin",),
    "sin": ("cos", "tan"),
    "tanh": ("sigmoid", "atan"),
    "argmax": ("argmin",),
    "repeat_interleave": ("repeat",),
    "outer": ("mul",),
}


def mutants(exercise, count, seed=0):
    """Right answers after one to three small changes of their syntax, as (text, function)."""
    rng = random.Random(seed)  # noqa: S311 - no secrets
    made = set()
    for _ in range(50 * count):
        tree = ast.parse(exercise.solution)
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            _change(tree.body[0], rng)
        text = ast.unparse(ast.fix_missing_locations(tree))
        if text not in made and text != ast.unparse(ast.parse(exercise.solution)):
            made.add(text)
            try:
                yield text, program(exercise, text)
            except SyntaxError:
                continue
        if len(made) == count:
            return


def _change(function, rng):
    """One small change of a function's body."""
    nodes = [node for line in function.body[1:] for node in ast.walk(line)]
    names = sorted(
        {node.id for node in nodes if isinstance(node, ast.Name) and node.id not in ("torch", "range", "len", "int")}
    )
    node = rng.choice(nodes)
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        node.value = rng.choice([node.value + 1, node.value - 1, -node.value, 0, 2 * node.value])
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        node.value = not node.value
    elif isinstance(node, ast.BinOp) and type(node.op) in SWAPPED:
        if rng.random() < 0.5:
            node.op = SWAPPED[type(node.op)]()
        else:
            node.left, node.right = node.right, node.left
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPPED:
        node.ops[0] = SWAPPED[type(node.ops[0])]()
    elif isinstance(node, ast.UnaryOp):
        node.op = ast.UAdd() if isinstance(node.op, ast.USub) else node.op
    elif isinstance(node, ast.Attribute) and node.attr in CALLS:
        node.attr = rng.choice(CALLS[node.attr])
    elif isinstance(node, ast.Name) and node.id in names and isinstance(node.ctx, ast.Load):
        node.id = rng.choice(names)
    elif isinstance(node, ast.Call) and len(node.args) > 1:
        first, second = rng.sample(range(len(node.args)), 2)
        node.args[first], node.args[second] = node.args[second], node.args[first]
    elif isinstance(node, ast.Call) and node.keywords:
        node.keywords.pop(rng.randrange(len(node.keywords)))
