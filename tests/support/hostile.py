"""Tokens that try to be more than data, and what a reader must not find on the screen."""

import unicodedata

TRAP = """
globalThis.sprung = [];
for (const name of ["alert", "confirm", "prompt", "open", "print"])
  globalThis[name] = () => { globalThis.sprung.push(name); return null; };
"""
"""Runs before a page does: whatever a token manages to call is noted."""

SPRUNG = "globalThis.sprung"

TOKENS = (
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "<img src=x onerror=alert(2)>",
    "<svg/onload=alert(3)>",
    "</title></text></svg><script>alert(4)</script>",
    "]]><x onclick='alert(5)'>",
    "\"'`><b>&lt;&amp;&#60;",
    "javascript:alert(6)",
    "${alert(7)}{{alert(8)}}",
    "\u202eright to left\u2066",
    "\u200b",
    "a\u200bb\u00adc",
    "\u2028\u2029",
    "\ud800",
    "a\udfffb",
    "\x00\x07\x1b[31m",
    "\n\t",
    "",
    "   ",
    "é" * 10_000,
    "👩‍👩‍👧",
    "🏳️‍🌈",
    "猫は寝る",
    "עברית",
    "مرحبا",
    "Ġthe",
    "ĠcafÃ©",
    "<0xE2>",
    "▁the",
    "z̷͙̈a̸",
)


def unseen(text):
    """Characters of a text that a reader does not see, or that move what stands beside them; joins inside an emoji are none."""
    found = []
    for at, character in enumerate(text):
        inside_emoji = character == "\u200d" and 0 < at < len(text) - 1 and ord(text[at + 1]) > 0x2000
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") and not inside_emoji:
            found.append(f"U+{ord(character):04X}")
    return found


def written_out(token):
    """What must be seen of these tokens, which SentencePiece could have made: what cannot be seen by its number."""
    named = {"\n": "↵", "\t": "→", " ": "▁"}
    shown = "".join(
        named.get(one, f"⟨{ord(one):04X}⟩") if one == " " or (unseen(one) and one != "\u200d") else one for one in token
    )
    return {"": "⟨empty⟩", "<0xE2>": "⟨E2⟩"}.get(token, shown)
