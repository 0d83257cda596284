/**
 * The one error class. `code` is stable and is what callers switch on; `message` is for people and
 * says what is wrong and what would be right. Level 0.
 *
 * Normal endings (hang-up, time-out, stop tone) are return values, never errors.
 */
export class TonearmError<Code extends string = string> extends Error {
  readonly code: Code;

  constructor(code: Code, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'TonearmError';
    this.code = code;
  }
}

/** The text of whatever was thrown. */
export function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
