import type { Peer, Transport, TransportHandler } from '../../src/sip/transport.ts';
import type { SipMessage } from '../../src/wire/sip-message.ts';

/** Keeps what a transport hands up, and lets a test wait for it. */
export function transportRecorder() {
  const messages: { message: SipMessage; from: Peer; via: Transport }[] = [];
  const refused: string[] = [];
  const errors: Peer[] = [];
  let wake = () => {};
  const handler: TransportHandler = {
    hear: () => true,
    mayConnect: () => true,
    isTrusted: () => false,
    onMessage(message, from, via) {
      messages.push({ message, from, via });
      wake();
    },
    onUnparsable(parsed) {
      refused.push(parsed.reason);
      wake();
    },
    onSendError(to) {
      errors.push(to);
      wake();
    },
  };
  /** Resolves as soon as what was handed up fulfils `done`. */
  const until = async (done: () => boolean) => {
    while (!done()) await new Promise<void>((resolve) => (wake = resolve));
  };
  return { handler, messages, refused, errors, until };
}

/** A small whole request. */
export function optionsRequest(transport: 'UDP' | 'TCP'): Buffer {
  const lines = [
    'OPTIONS sip:a@b SIP/2.0',
    `Via: SIP/2.0/${transport} 127.0.0.1;branch=z9hG4bK1`,
    'From: <sip:a@b>;tag=1',
    'To: <sip:b@b>',
    'Call-ID: 1',
    'CSeq: 1 OPTIONS',
    'Content-Length: 0',
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
}
