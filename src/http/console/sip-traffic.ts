/** A SIP message on the wire as the console shows it. Pure, and of any bytes. */
import type { Peer } from '../../sip/transport.ts';
import { maskedSip } from './masks.ts';
import type { Happened } from './traces.ts';

/** Longest part of a message that is shown. */
const MOST_BYTES = 8192;
/** A challenge is an answer like others; 487 is what a caller who gives up wants. */
const NO_ERRORS = new Set(['401', '407', '487']);

/** The text of a message, or of its beginning. */
export function textOf(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8', 0, MOST_BYTES);
  return bytes.length > MOST_BYTES ? `${text}\r\n… and ${bytes.length - MOST_BYTES} bytes more` : text;
}

/** As it stands in the message; `undefined`: it has none. */
export function callIdOf(text: string): string | undefined {
  return /^(?:call-id|i)[ \t]*:[ \t]*([^\r\n]*)/im.exec(text)?.[1]?.trim();
}

/** Whether a message may be the first of a call. */
export function isInvite(text: string): boolean {
  return text.startsWith('INVITE ');
}

export function sipHappened(direction: 'in' | 'out', text: string, peer: Peer): Happened {
  const { transport, address, port } = peer;
  const host = address.includes(':') ? `[${address}]` : address;
  const shown = maskedSip(text);
  const title = /^[^\r\n]*/.exec(shown)?.[0] ?? '';
  return {
    detail: { kind: 'sip', direction, transport, remote: `${host}:${port}`, title, text: shown },
    error: errorOf(title, shown),
  };
}

/** In the words of who refused, and, where he says more, his Warning or Reason. */
function errorOf(title: string, text: string): string | undefined {
  const status = /^SIP\/2\.0 ([4-6]\d\d) ?(.*)$/i.exec(title);
  if (status === null || NO_ERRORS.has(status[1]!)) return undefined;
  const more = /^(?:warning|reason)[ \t]*:[ \t]*([^\r\n]*)/im.exec(text)?.[1];
  const refused = `${status[1]} ${status[2]}`.trim();
  return more === undefined ? refused : `${refused} (${more})`;
}
