/** SIP header values that the stack itself reads and writes (RFC 3261 §20, §25). No I/O; nothing here throws. */
import { formatParameters, parseParameters } from './sip-uri.ts';

/** One Via value (RFC 3261 §20.42). */
export interface Via {
  /** Upper-case: `UDP`, `TCP`. */
  readonly transport: string;
  readonly host: string;
  readonly port: number | undefined;
  /** Names lower-case; a parameter without a value has ''. */
  readonly parameters: Readonly<Record<string, string>>;
}

export interface CSeq {
  /** 0 … 2³¹−1. */
  readonly sequence: number;
  readonly method: string;
}

export function parseVia(text: string): Via | undefined {
  const found =
    /^SIP\s*\/\s*2\.0\s*\/\s*([\w-]+)\s+(\[[0-9a-fA-F:.]+\]|[\w.-]+)\s*(?::\s*(\d{1,5}))?\s*(;.*)?$/i.exec(
      text,
    );
  if (found === null) return undefined;
  const [, transport = '', host = '', portText, rest = ''] = found;
  const port = portText === undefined ? undefined : Number(portText);
  if (port !== undefined && port > 65_535) return undefined;
  const parameters = parseParameters(rest);
  if (parameters === undefined) return undefined;
  return { transport: transport.toUpperCase(), host: host.toLowerCase(), port, parameters };
}

export function formatVia(via: Via): string {
  const port = via.port === undefined ? '' : `:${via.port}`;
  return `SIP/2.0/${via.transport} ${via.host}${port}${formatParameters(via.parameters)}`;
}

export function parseCSeq(text: string): CSeq | undefined {
  const found = /^(\d{1,10})\s+([\w\-.!%*+`'~]+)$/.exec(text);
  if (found === null) return undefined;
  const sequence = Number(found[1]);
  // RFC 3261 §8.1.1.5: less than 2**31.
  return sequence < 2 ** 31 ? { sequence, method: found[2] ?? '' } : undefined;
}

/** Splits a list header at the commas that are outside of quotes and angle brackets. Empty elements are dropped. */
export function splitList(value: string): string[] {
  if (!value.includes(',')) return value === '' ? [] : [value];
  const parts: string[] = [];
  let quoted = false;
  let angled = false;
  let from = 0;
  for (let i = 0; i <= value.length; i++) {
    const char = value[i];
    if (quoted && char === '\\') i++;
    else if (char === '"' && !angled) quoted = !quoted;
    else if (char === '<' && !quoted) angled = true;
    else if (char === '>' && !quoted) angled = false;
    else if (char === undefined || (char === ',' && !quoted && !angled)) {
      const part = value.slice(from, i).trim();
      if (part !== '') parts.push(part);
      from = i + 1;
    }
  }
  return parts;
}
