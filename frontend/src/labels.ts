/** Tokens as people can read them. They are data: what cannot be seen, or would move its neighbours, is written out. */

/**
 * Controls, marks of direction, characters of no width (but the joins inside an emoji), halves of surrogate pairs,
 * non-characters.
 */
const UNSEEN = new RegExp(
  [
    "[\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u180e\\u200b\\u200c\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u2069\\ufeff]",
    "[\\ufff9-\\ufffb\\ufffe\\uffff\\ud800-\\udfff]",
    "\\u200d(?!\\p{Extended_Pictographic})",
    "(?<![\\p{Extended_Pictographic}\\p{Emoji_Modifier}\\ufe0f])\\u200d",
  ].join("|"),
  "gu",
);
const NAMED: Record<string, string> = { "\n": "⏎", "\t": "⇥", "\r": "␍" };

/** A token with everything in it visible, cut to `limit` characters. */
export function visible(token: string, limit = 40): string {
  // Characters, not halves of them; of a very long token only as many as may be needed are looked at.
  const characters = [...token.slice(0, 2 * limit + 2)];
  const cut = characters.length > limit;
  const kept = (cut ? characters.slice(0, limit - 1) : characters).join("");
  const shown = kept.replace(
    UNSEEN,
    (found) => NAMED[found] ?? `⟨${found.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`,
  );
  const text = shown === "" ? "⟨empty⟩" : /^ +$/.test(shown) ? "␣".repeat(shown.length) : shown;
  return cut ? `${text}…` : text;
}

/** A weight as text: enough digits to tell it from its neighbours, and never 0 for what is not. */
export function weightText(weight: number): string {
  if (weight === 0) return "0";
  const size = Math.abs(weight);
  if (size >= 0.0995) return weight.toFixed(2);
  if (size >= 0.00095) return weight.toFixed(3);
  return weight.toExponential(1);
}

/** 3e-4, 2.5e-5: rounded up, for a bound must hold. */
export function errorText(error: number): string {
  const power = Math.floor(Math.log10(error));
  const digits = Math.ceil((error / 10 ** power) * 10 - 1e-6) / 10;
  return digits >= 10 ? `1e${power + 1}` : `${digits}e${power}`;
}

/** A count with separators: 131,072. */
export function countText(count: number): string {
  return count.toLocaleString("en-US");
}
