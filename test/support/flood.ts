/** Attackers: who sends more than he should, from addresses of the loopback network that are not the friend's. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { pause, systemClock } from '../../src/clock.ts';

/** Sends what `make` gives, so many in a second, from these addresses in turn, until it is stopped. Gives how many it sent. */
export async function floodUdp(options: {
  readonly port: number;
  readonly from: readonly string[];
  readonly perSecond: number;
  readonly make: (number: number, from: string) => string | Uint8Array;
}): Promise<{ stop(): number; readonly answers: () => { readonly count: number; readonly bytes: number } }> {
  const { port, from, perSecond, make } = options;
  const answers = { count: 0, bytes: 0 };
  const sockets = await Promise.all(
    from.map(async (address) => {
      const socket = createSocket('udp4').bind(0, address);
      socket.on('error', () => {});
      socket.on('message', (bytes) => {
        answers.count++;
        answers.bytes += bytes.length;
      });
      await once(socket, 'listening');
      return { socket, address };
    }),
  );
  let sent = 0;
  const began = performance.now();
  const timer = setInterval(() => {
    for (const due = ((performance.now() - began) / 1000) * perSecond; sent < due; sent++) {
      const one = sockets[sent % sockets.length];
      one?.socket.send(make(sent, one.address), port, '127.0.0.1');
    }
  }, 5);
  return {
    answers: () => answers,
    stop() {
      clearInterval(timer);
      for (const { socket } of sockets) socket.close();
      return sent;
    },
  };
}

/** A request of a stranger, each of a call of its own. */
export function strangeRequest(method: string, number: number, from: string, more = ''): string {
  const lines = [
    `${method} sip:voicemail@127.0.0.1 SIP/2.0`,
    `Via: SIP/2.0/UDP ${from}:5060;rport;branch=z9hG4bK${from}-${number}`,
    'Max-Forwards: 70',
    `From: <sip:stranger@${from}>;tag=${number}`,
    'To: <sip:voicemail@127.0.0.1>',
    `Call-ID: ${number}@${from}`,
    `CSeq: 1 ${method}`,
    `Contact: <sip:stranger@${from}>`,
  ];
  return `${lines.join('\r\n')}\r\n${more}\r\n`;
}

/** Opens connections, and opens those anew that are closed, until it is stopped; each writes what `write` says, again and again. */
export function floodTcp(options: {
  readonly port: number;
  readonly from: string;
  readonly connections: number;
  readonly write: (socket: Socket) => void;
  readonly everyMs: number;
}): { stop(): Promise<void>; readonly closed: () => number } {
  const { port, from, connections, write, everyMs } = options;
  const stopping = new AbortController();
  let closed = 0;
  const hold = async () => {
    while (!stopping.signal.aborted) {
      const socket = connect({ port, host: '127.0.0.1', localAddress: from });
      socket.on('error', () => {}).resume();
      const timer = setInterval(() => write(socket), everyMs);
      const end = () => socket.destroy();
      stopping.signal.addEventListener('abort', end, { once: true });
      await new Promise((resolve) => socket.once('close', resolve));
      stopping.signal.removeEventListener('abort', end);
      clearInterval(timer);
      if (!stopping.signal.aborted) closed++;
      await pause(systemClock, 20, stopping.signal);
    }
  };
  const held = Array.from({ length: connections }, hold);
  return {
    closed: () => closed,
    async stop() {
      stopping.abort();
      await Promise.all(held);
    },
  };
}
