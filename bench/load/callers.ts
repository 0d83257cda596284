/** Callers over our own user agent, who speak from the moment they are answered. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { acceptAnswer, makeOffer } from '../../src/media/offer-answer.ts';
import { createUserAgent } from '../../src/sip/endpoint.ts';
import type { Dialog } from '../../src/sip/user-agent.ts';
import { parseWav } from '../../src/wire/wav.ts';
import type { OpenStream, RtpSender } from './rtp-sender.ts';
import { type SecureStream, secureStream } from './secure-stream.ts';

export interface Caller {
  /** `load-<number>` is the user part of its URI. */
  readonly number: number;
  readonly dialog: Dialog;
  readonly stream: OpenStream;
}

export interface Callers {
  /** Resolves with the caller once it is answered, else with why it was not. Its stream is closed then, or when whoever placed it closes it. */
  place(): Promise<Caller | string>;
  /** Hangs up on every call, and gives up those that ring. The streams stay open. */
  close(): Promise<void>;
}

const LOOPBACK = '127.0.0.1';
const PATIENCE_MS = 32_000;

/** Who calls the server on this loopback UDP port, and speaks through `sender`; `secure`: over ICE and DTLS-SRTP. */
export async function openCallers(sipPort: number, sender: RtpSender, secure = false): Promise<Callers> {
  /** Takes the server's RTCP reports, so that none comes back as unreachable. */
  const rtcp = await sender.open();
  const agent = await createUserAgent({
    listen: [{ transport: 'udp', address: LOOPBACK, port: 0 }],
    clock: systemClock,
    log: silentLog,
  });
  const closing = new AbortController();
  const callee = `sip:bench@${LOOPBACK}:${sipPort}`;

  const secured = new Set<SecureStream>();

  const place = async (stream: OpenStream): Promise<Caller | string> => {
    const browser = secure ? secureStream(stream, LOOPBACK) : undefined;
    if (browser !== undefined) secured.add(browser);
    const at = { address: LOOPBACK, port: stream.port, sessionId: stream.port, version: 1 };
    const offer = browser?.offer ?? `${makeOffer(at, ['PCMU'])}a=rtcp:${rtcp.port}\r\n`;
    const outcome = await agent.invite(
      {
        requestUri: callee,
        from: { user: `load-${stream.port}` },
        to: `<${callee}>`,
        transport: 'udp',
        sdp: offer,
        handler: { onOffer: () => ({ status: 488 }), onAnswer() {} },
      },
      AbortSignal.any([AbortSignal.timeout(PATIENCE_MS), closing.signal]),
    );
    if (!outcome.answered) return `${outcome.status} ${outcome.reason}`;
    if (browser !== undefined) await browser.start(outcome.sdp);
    else {
      const settled = acceptAnswer(outcome.sdp, offer);
      if (!settled.ok) return settled.why;
      stream.start(settled.audio.remote);
    }
    return { number: stream.port, dialog: outcome.dialog, stream };
  };

  return {
    async place() {
      const stream = await sender.open();
      const caller = await place(stream);
      if (typeof caller === 'string') stream.close();
      return caller;
    },
    async close() {
      closing.abort();
      for (const browser of secured) browser.close();
      await agent.close();
      rtcp.close();
    },
  };
}

/** The speech of a µ-law WAV file, as it is sent. */
export function speechOf(file = join(import.meta.dirname, '../../examples/audio/caller.wav')): Uint8Array {
  const parsed = parseWav(readFileSync(file));
  if (!parsed.ok || parsed.audio.encoding !== 'PCMU') throw new Error(`${file} is not a mu-law WAV file`);
  return parsed.audio.data;
}
