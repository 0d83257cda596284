/** A caller's stream over ICE and DTLS-SRTP, as a browser's: its offer, its handshake, and what protects its packets. */
import { randomBytes } from 'node:crypto';
import { makeOffer } from '../../src/media/offer-answer.ts';
import { SrtpSender } from '../../src/media/srtp.ts';
import { MOST_SRTP_BYTES } from '../../src/media/srtp-keys.ts';
import { bindingRequest } from '../../test/support/browser-peer.ts';
import { DtlsClient } from '../../test/support/dtls-client.ts';
import type { OpenStream } from './rtp-sender.ts';

/** How often a browser asks for consent. */
const CHECK_EVERY_MS = 2500;
const PATIENCE_MS = 15_000;
const RESEND_MS = 1000;

export interface SecureStream {
  readonly offer: string;
  /** Shakes hands with who answered so, and begins to speak. Rejects when that takes too long. */
  start(answer: string): Promise<void>;
  /** Asks for consent no longer. */
  close(): void;
}

/** Offers PCMU, like a browser that wants nothing else. */
export function secureStream(stream: OpenStream, address: string): SecureStream {
  const client = new DtlsClient();
  const ufrag = randomBytes(3).toString('hex');
  const ice = { ufrag, password: randomBytes(18).toString('hex') };
  const secure = { ice, fingerprint: client.identity.fingerprint };
  const at = { address, port: stream.port, sessionId: stream.port, version: 1, secure };
  // Ours is the server's side of ICE and DTLS: a browser is the other.
  const offer = makeOffer(at, ['PCMU'])
    .replace('a=ice-lite\r\n', '')
    .replace('a=setup:passive', 'a=setup:actpass');
  let checks: NodeJS.Timeout | undefined;

  return {
    offer,
    async start(answer) {
      const find = (pattern: RegExp) => pattern.exec(answer)?.[1] ?? '';
      const remote = { address, port: Number(find(/^m=audio (\d+)/m)) };
      let wake = () => {};
      const kinds = new Set<'check' | 'handshake'>();
      const send = stream.converse(remote, (datagram) => {
        const isDtls = datagram[0]! >= 20 && datagram[0]! < 64;
        kinds.add(isDtls ? 'handshake' : 'check');
        if (isDtls) client.hear(datagram);
        wake();
      });
      const late = AbortSignal.timeout(PATIENCE_MS);
      /** Sends, and sends again what may have been lost, until it is answered. */
      const exchange = async (datagrams: readonly Uint8Array[], answered: () => boolean) => {
        const sendAll = () => {
          for (const datagram of datagrams) send(datagram);
        };
        const again = setInterval(sendAll, RESEND_MS);
        try {
          sendAll();
          while (!answered()) {
            late.throwIfAborted();
            await new Promise<void>((resolve) => {
              wake = resolve;
              late.addEventListener('abort', () => resolve());
            });
          }
        } finally {
          clearInterval(again);
        }
      };
      const username = `${find(/^a=ice-ufrag:(\S+)/m)}:${ufrag}`;
      const password = find(/^a=ice-pwd:(\S+)/m);
      const check = bindingRequest({ username, password, useCandidate: true });
      await exchange([check], () => kinds.has('check'));
      await exchange(client.hello(), () => kinds.has('handshake'));
      await exchange([client.answer()], () => client.finished);
      const srtp = new SrtpSender(client.keys.client);
      const out = new Uint8Array(MOST_SRTP_BYTES);
      checks = setInterval(() => send(check), CHECK_EVERY_MS);
      stream.start(remote, (packet) => out.subarray(0, srtp.rtp(packet, out)));
    },
    close: () => clearInterval(checks),
  };
}
