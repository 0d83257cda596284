/**
 * What the parts need of a logger; pino's loggers fit it. Never given credentials, tokens or audio. Level 0.
 */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** A logger that says nothing: for tests, and for the CLI's quiet parts. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
