/**
 * Keys in INFO requests, as phones and gateways send them that have no telephone events. No RFC has it: it is legacy use of INFO (RFC 6086
 * §2), in two forms that everybody knows.
 *
 *     Content-Type: application/dtmf-relay        Content-Type: application/dtmf
 *
 *     Signal=5                                    5
 *     Duration=160
 */

/** The content types, as an Accept header has them. */
export const DTMF_INFO_TYPES = 'application/dtmf-relay, application/dtmf';

export type DtmfInfo =
  | {
      readonly ok: true;
      /** As in telephone events: 0–9, 10 `*`, 11 `#`, 12–15 `A`–`D`, 16 flash (RFC 4733 §3.2). */
      readonly event: number;
      readonly durationMs: number;
    }
  | { readonly ok: false; readonly wrong: 'type' | 'body' };

/** Of who does not say. */
const USUAL_MS = 100;
const LONGEST_MS = 60_000;
const SIGNALS = '0123456789*#ABCD!';

/** Reads a request's body. Never throws. */
export function parseDtmfInfo(contentType: string, body: Uint8Array): DtmfInfo {
  const type = contentType.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/dtmf-relay' && type !== 'application/dtmf') return { ok: false, wrong: 'type' };
  if (body.length > 200) return { ok: false, wrong: 'body' };
  const text = Buffer.from(body).toString('latin1').trim();
  const signal = type === 'application/dtmf' ? text : member(text, 'signal');
  const duration = type === 'application/dtmf' ? undefined : member(text, 'duration');
  const event = signal === undefined ? undefined : eventOf(signal);
  if (event === undefined || (duration !== undefined && !/^\d{1,9}$/.test(duration)))
    return { ok: false, wrong: 'body' };
  return { ok: true, event, durationMs: Math.min(LONGEST_MS, Number(duration ?? 0) || USUAL_MS) };
}

/** What stands after the name; `undefined`: it is not there. */
function member(text: string, name: string): string | undefined {
  for (const line of text.split(/\r\n|\r|\n/)) {
    const at = line.indexOf('=');
    if (at > 0 && line.slice(0, at).trim().toLowerCase() === name) return line.slice(at + 1).trim();
  }
  return undefined;
}

/** A key as it stands on the phone, `!` for flash; or, as some gateways write it, the event's number. */
function eventOf(signal: string): number | undefined {
  if (/^1[0-6]$/.test(signal)) return Number(signal);
  const event = signal.length === 1 ? SIGNALS.indexOf(signal.toUpperCase()) : -1;
  return event < 0 ? undefined : event;
}
