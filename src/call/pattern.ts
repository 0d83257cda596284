/** Patterns of numbers and URIs in the configuration: `*` stands for any run of characters, and case does not matter. */

/** The pieces between the stars, in lower case; of a number's pattern, without separators. */
export type Pattern = readonly string[];

export function readPattern(text: string): Pattern {
  const isNumber = /^[+*\-.() ]*\d[+*\d\-.() ]*$/.test(text);
  return (isNumber ? text.replace(/[-.() ]/g, '') : text.trim().toLowerCase()).split('*');
}

/** Linear in both lengths, whatever `text` is: no backtracking. */
export function fits(text: string, pieces: Pattern): boolean {
  const first = pieces[0] ?? '';
  const last = pieces.at(-1) ?? '';
  if (pieces.length === 1) return text === first;
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length)
    return false;
  let from = first.length;
  const until = text.length - last.length;
  for (const piece of pieces.slice(1, -1)) {
    const at = text.indexOf(piece, from);
    if (at < 0 || at + piece.length > until) return false;
    from = at + piece.length;
  }
  return true;
}
