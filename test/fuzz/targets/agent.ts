/**
 * The whole user agent, with a bot above it, on a clock that stands still. An input is what comes, one after the other:
 *
 *   ~ <from: an address> <then so many ms pass>
 *   <a message, in which {tag} is the tag of our last answer, and {branch}, {from}, {call}, {cseq} are of our last request; or DIAL: we call>
 */
import assert from 'node:assert/strict';
import { type Log, silentLog } from '../../../src/log.ts';
import { deliver } from '../../../src/sip/deliver.ts';
import { createUserAgent } from '../../../src/sip/endpoint.ts';
import type { Peer, Transport, TransportHandler } from '../../../src/sip/transport.ts';
import type { IncomingInvite, UserAgent } from '../../../src/sip/user-agent.ts';
import { MAX_HEADER_BYTES } from '../../../src/wire/sip-message.ts';
import { PEER, SDP, willing } from '../../support/sip-stage.ts';
import { settle, VirtualClock } from '../../support/virtual-clock.ts';
import { DIALOG_MESSAGES, SIP_MESSAGES } from '../corpus.ts';
import type { Random } from '../random.ts';
import { mutatedSip } from '../sip-mutations.ts';
import type { Target } from '../target.ts';

const STEP = Buffer.from('\n~ ');
const SOURCES = [PEER.address, PEER.address, PEER.address, '198.51.100.7', '203.0.113.5'];
const PAUSES = [0, 0, 0, 100, 250, 600, 5000, 33_000];
/** All that is copied from what came, with longer names and our own headers. */
const MOST_HEADER_BYTES = MAX_HEADER_BYTES + 2000;
const END = Buffer.from('\r\n\r\n');

export const agent: Target = {
  name: 'agent',
  about:
    'the user agent and its dialogs: no defect logged, one message at a time, no timer or transaction left',
  patienceMs: 2000,
  make(random) {
    const steps: Buffer[] = [];
    for (const message of story(random)) {
      const mutation = random.oneIn(2) ? mutatedSip(message, random, SIP_MESSAGES) : message;
      steps.push(STEP, Buffer.from(`${random.pick(SOURCES)} ${random.pick(PAUSES)}\n`), mutation);
    }
    return Buffer.concat(steps);
  },
  async check(input) {
    for (const transport of ['udp', 'tcp'] as const) await play(input, transport);
  },
};

/** A call of some kind, mostly in an order that makes sense. */
function story(random: Random): Buffer[] {
  const [dial, any] = [Buffer.from('DIAL'), () => random.pick(DIALOG_MESSAGES)];
  const incoming = (): Buffer[] => [INVITE, ACK, ...Array.from({ length: random.int(4) }, any), BYE];
  const outgoing = (): Buffer[] => [dial, ...Array.from({ length: 1 + random.int(5) }, any)];
  const messages = random.oneIn(4) ? [any(), any(), any()] : random.oneIn(3) ? outgoing() : incoming();
  if (random.oneIn(3)) messages.splice(random.int(messages.length), 1);
  if (random.oneIn(3)) messages.splice(random.int(messages.length), 0, random.pick(messages));
  return messages;
}

const [INVITE, ACK, BYE] = ['INVITE', 'ACK', 'BYE'].map((method) => ofDialog(method)) as [
  Buffer,
  Buffer,
  Buffer,
];

function ofDialog(method: string): Buffer {
  const found = DIALOG_MESSAGES.find(
    (message) =>
      message.includes(`\r\nCSeq: ${method === 'BYE' ? 3 : 1} ${method}`) && message.includes('call-1'),
  );
  if (found === undefined) throw new Error(`the corpus has no ${method}`);
  return found;
}

async function play(input: Buffer, transport: 'udp' | 'tcp'): Promise<void> {
  const clock = new VirtualClock();
  const wire = new ScriptedWire(transport);
  const user = await createUserAgent({
    listen: [{ transport, address: '192.0.2.1', port: 5060 }],
    clock,
    log: wire.log,
    resolve: async () => undefined,
    open: async (_listen, handler) => wire.open(handler),
  });
  const bot = answerCalls(user);
  const hangUp = new AbortController();
  for (const { from, pauseMs, message } of stepsOf(input)) {
    if (message.toString('latin1') === 'DIAL') void user.invite(CALL(transport), hangUp.signal);
    else wire.receive(message, from);
    await settle();
    if (pauseMs > 0) await clock.advance(pauseMs);
  }
  hangUp.abort();
  await clock.advance(100_000);
  const closed = user.close();
  await clock.advance(40_000);
  await Promise.all([closed, bot]);
  assert.deepEqual(wire.defects, []);
  assert.deepEqual({ ...user.counts, sources: 0, turnedAway: {} }, NOTHING);
  assert.equal(clock.timers, 0, 'timers are left');
}

const NOTHING = { transactions: 0, dialogs: 0, pending: 0, sources: 0, turnedAway: {} };
const CALL = (transport: 'udp' | 'tcp') => ({
  requestUri: `sip:far@${PEER.address}`,
  from: { user: 'bot' },
  to: `<sip:far@${PEER.address}>`,
  transport,
  sdp: SDP,
  handler: willing,
  credentials: { username: 'u', password: 'p' },
});

function* stepsOf(input: Buffer): Generator<{ from: string; pauseMs: number; message: Buffer }> {
  for (let at = input.indexOf(STEP); at >= 0; ) {
    const line = input.indexOf('\n', at + STEP.length);
    if (line < 0) return;
    const [from = '', pause = ''] = input.toString('latin1', at + STEP.length, line).split(' ');
    at = input.indexOf(STEP, line);
    yield {
      from,
      pauseMs: Number(pause) || 0,
      message: input.subarray(line + 1, at < 0 ? input.length : at),
    };
  }
}

/** A bot that does something else with each call. */
async function answerCalls(user: UserAgent): Promise<void> {
  let calls = 0;
  for await (const invite of user.invites()) {
    const decide = [ringAndAnswer, answerAndLeave, answerAndRefer, refuse][calls++ % 4];
    decide?.(invite);
  }
}

function ringAndAnswer(invite: IncomingInvite): void {
  invite.ring();
  invite.accept(SDP, willing);
}

function answerAndLeave(invite: IncomingInvite): void {
  void invite.accept(SDP, willing)?.bye('enough');
}

function answerAndRefer(invite: IncomingInvite): void {
  void invite.accept(SDP, willing)?.refer({ referTo: 'sip:third@192.0.2.30' });
}

function refuse(invite: IncomingInvite): void {
  invite.ring();
  invite.reject(486);
}

/** Both ends of the wire. What is sent is looked at, and remembered for what the far end says next. */
class ScriptedWire {
  readonly defects: string[] = [];
  readonly log: Log = { ...silentLog, error: (fields) => void this.defects.push(JSON.stringify(fields)) };
  readonly #kind: 'udp' | 'tcp';
  readonly #names = new Map<string, string>();
  readonly #transport: Transport;
  #handler: TransportHandler | undefined;

  constructor(kind: 'udp' | 'tcp') {
    this.#kind = kind;
    const listening = { transport: kind, address: '192.0.2.1', port: 5060 };
    this.#transport = {
      listening,
      localAddress: () => listening,
      send: (bytes, to) => this.#look(Buffer.from(bytes), to),
      close: async () => {},
    };
  }

  open(handler: TransportHandler): Transport {
    this.#handler = handler;
    return this.#transport;
  }

  receive(message: Buffer, address: string): void {
    const named = Buffer.from(
      message.toString('latin1').replace(/\{(\w+)\}/g, (whole, name) => this.#names.get(name) ?? whole),
      'latin1',
    );
    const from: Peer = {
      transport: this.#kind,
      address,
      port: 5060,
      ...(this.#kind === 'tcp' && { connection: 1 }),
    };
    if (this.#handler !== undefined) deliver(named, from, this.#transport, this.#handler, this.log);
  }

  #look(bytes: Buffer, to: Peer): void {
    if (/^(127\.|0\.|169\.254\.|22[4-9]\.|2[345]\d\.|::1$)/.test(to.address))
      this.defects.push(`sent to ${to.address}`);
    const end = bytes.indexOf(END);
    const head = bytes.toString('latin1', 0, end);
    const length = /\nContent-Length: (\d+)$/.exec(head)?.[1];
    if (bytes.length !== end + END.length + Number(length)) this.defects.push(`not one message: ${bytes}`);
    if (end > MOST_HEADER_BYTES) this.defects.push(`${end} bytes of headers`);
    const value = (pattern: RegExp) => pattern.exec(head)?.[1];
    const found = head.startsWith('SIP/')
      ? { tag: value(/\nTo:[^\n]*;tag=(\w+)/) }
      : {
          branch: value(/branch=([^;\s]+)/),
          from: value(/\nFrom:[^\n]*;tag=(\w+)/),
          call: value(/\nCall-ID: (\S+)/),
          cseq: value(/\nCSeq: (\d+)/),
        };
    for (const [name, text] of Object.entries(found)) if (text !== undefined) this.#names.set(name, text);
  }
}
