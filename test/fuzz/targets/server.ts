import assert from 'node:assert/strict';
import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { type Besieged, besieged } from '../../support/besieged.ts';
import { DIALOG_MESSAGES, SIP_MESSAGES } from '../corpus.ts';
import { mutated } from '../mutations.ts';
import { type Random, seeded } from '../random.ts';
import { mutatedSip } from '../sip-mutations.ts';
import type { Target } from '../target.ts';
import { rtcpPacket, rtpPacket } from './media-packets.ts';

/** Inputs from one sign of life to the next, and from one call to the next. */
const PING_EVERY = 100;
const CALL_EVERY = 2000;
const TCP_EVERY = 25;
const MEDIA_PACKETS = 300;
const PATIENCE_MS = 20_000;
/** It levels off at some 250 MB when nothing of what comes is turned away: what goes far beyond is a leak. */
const MOST_GROWTH_MB = 400;

/**
 * A server in a process of its own: it stays up, answers, logs no defect, takes calls meanwhile, and does not grow. Started with the first input;
 * one that finds something depends on those before it.
 */
export function serverTarget(): Target {
  let siege: Promise<Siege> | undefined;
  return {
    name: 'server',
    about: 'a server in a process of its own, over UDP and TCP: it stays up, takes calls, does not grow',
    patienceMs: 30_000,
    make(random) {
      const message = random.pick(random.oneIn(3) ? SIP_MESSAGES : DIALOG_MESSAGES);
      // What a datagram holds.
      return (random.oneIn(4) ? mutated : mutatedSip)(message, random, SIP_MESSAGES).subarray(0, 65_507);
    },
    async check(input) {
      siege ??= Siege.begin();
      await (await siege).attack(input);
    },
    async close() {
      // Where it could not begin, that was told already.
      const begun = await siege?.catch(() => undefined);
      await begun?.end();
    },
  };
}

class Siege {
  readonly #stage: Besieged;
  readonly #sockets: readonly DatagramSocket[];
  readonly #memoryMb: number;
  #inputs = 0;

  constructor(stage: Besieged, sockets: readonly DatagramSocket[]) {
    this.#stage = stage;
    this.#sockets = sockets;
    this.#memoryMb = stage.memory();
  }

  static async begin(): Promise<Siege> {
    // Whoever is trusted has no limits that would keep the inputs from being read.
    const sip = { listen: ['udp:127.0.0.1:0', 'tcp:127.0.0.1:0'], trusted: ['127.0.0.0/8'] };
    const stage = await besieged({ sip, calls: { answerTimeout: '10s', drainTimeout: '0s' } });
    const sockets = await Promise.all(['127.0.0.21', '127.0.0.22', '127.0.0.23'].map(openSocket));
    const siege = new Siege(stage, sockets);
    try {
      await stage.call();
      return siege;
    } catch (thrown) {
      await siege.#close();
      throw thrown;
    }
  }

  async attack(input: Buffer): Promise<void> {
    const { server } = this.#stage;
    const number = ++this.#inputs;
    if (number % TCP_EVERY === 0) await this.#sendOverTcp(input);
    else this.#sockets[number % this.#sockets.length]?.send(input, server.udp, '127.0.0.1');
    if (number % PING_EVERY === 0) await this.#ping(number);
    if (number % CALL_EVERY !== 0) return;
    await this.#stage.call((media) => this.#attackMedia(media, seeded(number)));
    assert.deepEqual(this.#stage.errors(), []);
    const grown = this.#stage.memory() - this.#memoryMb;
    assert.ok(grown < MOST_GROWTH_MB, `it has grown by ${grown.toFixed(0)} MB`);
  }

  async end(): Promise<void> {
    try {
      await this.#stage.call();
      assert.deepEqual(this.#stage.errors(), []);
    } finally {
      await this.#close();
    }
  }

  async #close(): Promise<void> {
    for (const socket of this.#sockets) socket.close();
    await this.#stage.close();
  }

  /** An OPTIONS, and its answer. */
  async #ping(number: number): Promise<void> {
    const socket = await openSocket('127.0.0.1');
    try {
      const { port } = socket.address();
      const lines = [
        'OPTIONS sip:a@127.0.0.1 SIP/2.0',
        `Via: SIP/2.0/UDP 127.0.0.1:${port};branch=z9hG4bKping${number};rport`,
        `From: <sip:a@b>;tag=${number}`,
        'To: <sip:b@b>',
        `Call-ID: ping-${number}-${port}`,
        'CSeq: 1 OPTIONS',
      ];
      const answer = once(socket, 'message', { signal: AbortSignal.timeout(PATIENCE_MS) });
      socket.send(`${lines.join('\r\n')}\r\n\r\n`, this.#stage.server.udp, '127.0.0.1');
      const [bytes] = (await answer) as [Buffer];
      // Or 503, when the inputs before it have taken all transactions.
      assert.match(bytes.toString(), /^SIP\/2\.0 (200|503) /);
    } finally {
      socket.close();
    }
  }

  async #sendOverTcp(input: Buffer): Promise<void> {
    const socket = connect({ port: this.#stage.server.tcp, host: '127.0.0.1', localAddress: '127.0.0.24' });
    const closed = once(socket, 'close');
    socket.on('error', () => {});
    await once(socket, 'connect');
    socket.resume().end(input);
    await closed;
  }

  async #attackMedia(
    media: { readonly address: string; readonly port: number },
    random: Random,
  ): Promise<void> {
    for (let left = MEDIA_PACKETS; left > 0; left--) {
      const isRtcp = random.oneIn(3);
      const packet = isRtcp ? rtcpPacket(random) : rtpPacket(random);
      const bytes = mutated(packet, random, [packet]).subarray(0, 1500);
      random.pick(this.#sockets).send(bytes, media.port + (isRtcp ? 1 : 0), media.address);
      if (left % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

async function openSocket(address: string): Promise<DatagramSocket> {
  const socket = createSocket('udp4').bind(0, address);
  // A port of nobody, as bytes may name it.
  socket.on('error', () => {});
  await once(socket, 'listening');
  return socket;
}
