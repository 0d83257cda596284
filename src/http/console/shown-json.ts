import { maskedJson } from './masks.ts';

/** Longest JSON that is shown as such; of more the beginning is shown, as text. */
const MOST = 8192;

/** A body of HTTP as the console shows it: JSON without its secrets. `undefined`: there is none. */
export function shownJson(text: string): unknown {
  if (text === '') return undefined;
  let shown: unknown;
  try {
    shown = maskedJson(JSON.parse(text));
  } catch {
    return `not JSON: ${text.length} characters`;
  }
  if (text.length <= MOST) return shown;
  return `${JSON.stringify(shown).slice(0, MOST)} … ${text.length} characters in all`;
}
