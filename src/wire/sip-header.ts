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

/** Each blank can be taken in one way only: a run of thousands must not be tried in all ways. */
const VIA = /^SIP\s*\/\s*2\.0\s*\/\s*([\w-]+)\s+(\[[\da-f:.]+\]|[\w.-]+)(?:\s*:\s*(\d{1,5}))?\s*(;.*)?$/is;
/** The start of a Via of any version, whatever follows. */
const SENT_BY = /^SIP\s*\/\s*[\d.]+\s*\/\s*([\w-]+)\s+(\[[\da-f:.]+\]|[\w.-]+)(?:\s*:\s*(\d{1,5})(?!\d))?/i;

export function parseVia(text: string): Via | undefined {
  const found = VIA.exec(text);
  if (found === null) return undefined;
  const [, transport = '', host = '', portText, rest = ''] = found;
  const port = portText === undefined ? undefined : Number(portText);
  if (port !== undefined && port > 65_535) return undefined;
  const parameters = parseParameters(rest);
  if (parameters === undefined) return undefined;
  return { transport: transport.toUpperCase(), host: host.toLowerCase(), port, parameters };
}

/** What can be made out of a malformed Via or one of another version: enough to send an error back (RFC 4475 §3.1.2.1, §3.1.2.16). */
export function salvageVia(text: string): Via | undefined {
  const found = SENT_BY.exec(text);
  if (found === null) return undefined;
  const [, transport = '', host = '', portText] = found;
  const branch = /;\s*branch\s*=\s*([\w\-.!%*+`'~]+)/i.exec(text)?.[1];
  const parameters: Record<string, string> = Object.create(null);
  if (branch !== undefined) parameters.branch = branch;
  if (/;\s*rport\s*(?:[;,]|$)/i.test(text)) parameters.rport = '';
  return {
    transport: transport.toUpperCase(),
    host: host.toLowerCase(),
    port: Number(portText) <= 65_535 ? Number(portText) : undefined,
    parameters,
  };
}

export function formatVia(via: Via): string {
  const port = via.port === undefined ? '' : `:${via.port}`;
  return `SIP/2.0/${via.transport} ${via.host}${port}${formatParameters(via.parameters)}`;
}

export function parseCSeq(text: string): CSeq | undefined {
  const found = /^0*(\d{1,10})\s+([\w\-.!%*+`'~]+)$/.exec(text);
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
  const cut = (to: number) => {
    const part = value.slice(from, to).trim();
    if (part !== '') parts.push(part);
    from = to + 1;
  };
  for (let i = 0; i < value.length; i++) {
    const char = value[i];
    if (quoted && char === '\\') i++;
    else if (char === '"' && !angled) quoted = !quoted;
    else if (quoted) continue;
    else if (char === '<') angled = true;
    else if (char === '>') angled = false;
    else if (char === ',' && !angled) cut(i);
  }
  cut(value.length);
  return parts;
}
