/**
 * The smallest key that is greater than every key with this prefix, in the order of code points (SQLite's order of UTF-8
 * text); `undefined` when there is none, as for the empty prefix.
 */
export function endOfPrefix(prefix: string): string | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0)!);
  while (points.at(-1) === 0x10ffff) points.pop();
  const last = points.pop();
  if (last === undefined) return undefined;
  // The code points from D800 to DFFF are not characters.
  return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1);
}
