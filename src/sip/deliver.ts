import { reasonOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { type ParsedSip, parseSipMessage } from '../wire/sip-message.ts';
import type { Peer, Transport, TransportHandler } from './transport.ts';

/**
 * Reads one message, if it is to be read, and hands it up. A defect above costs this message and is logged: one caller's odd message must not
 * end everybody's calls. Never throws.
 *
 * @param broken why its stream can't be cut any further: then `bytes` is refused for that, whatever else it may be
 */
export function deliver(
  bytes: Uint8Array,
  from: Peer,
  via: Transport,
  handler: TransportHandler,
  log: Log,
  broken?: string,
): void {
  try {
    if (!handler.hear(from, bytes.length)) return;
    handler.onWire?.('in', bytes, from);
    const parsed = broken === undefined ? parseSipMessage(bytes) : refused(bytes, broken);
    if (parsed.ok) handler.onMessage(parsed.message, from, via, bytes.length);
    else handler.onUnparsable(parsed, from, via);
  } catch (thrown) {
    const stack = thrown instanceof Error ? thrown.stack : undefined;
    log.error(
      { from: `${from.address}:${from.port}`, error: reasonOf(thrown), stack },
      'SIP: a message failed',
    );
  }
}

function refused(bytes: Uint8Array, reason: string): Extract<ParsedSip, { ok: false }> {
  const parsed = parseSipMessage(bytes);
  if (!parsed.ok) return { ...parsed, reason };
  const { message } = parsed;
  const answerable = message.kind === 'request' && message.method !== 'ACK';
  return answerable ? { ok: false, reason, answerable: message } : { ok: false, reason };
}
