import { type Log, silentLog } from '../../src/log.ts';
import { deliver } from '../../src/sip/deliver.ts';
import { createUserAgent, type UserAgentOptions } from '../../src/sip/endpoint.ts';
import type { Peer, Transport, TransportHandler } from '../../src/sip/transport.ts';
import type { DialogHandler, IncomingInvite, UserAgent } from '../../src/sip/user-agent.ts';
import { header, parseSipMessage, type SipMessage, type SipResponse } from '../../src/wire/sip-message.ts';
import { settle, VirtualClock } from './virtual-clock.ts';

export const SDP =
  'v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n';
/** Where the far end is. */
export const PEER = { address: '192.0.2.9', port: 5060 } as const;

/** What `deliver` logs as an error is a defect: a test is to fail of it. */
const log: Log = {
  ...silentLog,
  error(fields, message) {
    throw new Error(`${message}: ${JSON.stringify(fields)}`);
  },
};

/** A user agent on a clock that stands still and a wire that a test holds both ends of. */
export interface SipStage {
  readonly clock: VirtualClock;
  readonly agent: UserAgent;
  /** Every message that it sent, with the virtual time since the start. */
  readonly sent: readonly {
    readonly at: number;
    readonly message: SipMessage;
    readonly to: Peer;
    readonly bytes: number;
  }[];
  /** `INVITE`, `200 INVITE` … with seconds since the start. */
  trace(): string[];
  /** Gives the agent a message from the far end. */
  receive(text: string, from?: Partial<Peer>): Promise<void>;
  /** The same, without waiting for what follows: for floods. */
  give(text: string, from?: Partial<Peer>): void;
  fail(): Promise<void>;
  nextInvite(): Promise<IncomingInvite>;
  /** The last message sent that fits. */
  last(what: string): SipMessage;
}

export async function sipStage(
  transport: 'udp' | 'tcp',
  options: Pick<Partial<UserAgentOptions>, 'limits' | 'referPatienceMs'> & { readonly address?: string } = {},
): Promise<SipStage> {
  const { address = '192.0.2.1', ...rest } = options;
  const clock = new VirtualClock();
  const start = clock.now();
  const sent: { at: number; message: SipMessage; to: Peer; bytes: number }[] = [];
  let handler: TransportHandler | undefined;
  let wire: Transport | undefined;
  const agent = await createUserAgent({
    limits: { isTrusted: () => true },
    ...rest,
    listen: [{ transport, address, port: 5060 }],
    clock,
    log,
    open: async (listen, given) => {
      handler = given;
      wire = {
        listening: listen,
        localAddress: () => listen,
        send(bytes, to) {
          const parsed = parseSipMessage(bytes);
          if (!parsed.ok) throw new Error(`the agent sent nonsense: ${parsed.reason}`);
          sent.push({ at: clock.now() - start, message: parsed.message, to, bytes: bytes.length });
        },
        close: async () => {},
      };
      return wire;
    },
  });
  const invites = agent.invites()[Symbol.asyncIterator]();
  const peer = { transport, ...PEER, ...(transport === 'tcp' && { connection: 1 }) };
  const give = (text: string, from: Partial<Peer> = {}) => {
    if (handler === undefined || wire === undefined) throw new Error('no transport');
    deliver(Buffer.from(text.replace(/\r?\n/g, '\r\n')), { ...peer, ...from }, wire, handler, log);
  };
  return {
    clock,
    agent,
    sent,
    trace: () => sent.map(({ at, message }) => `${at / 1000} ${titleOf(message)}`),
    async receive(text, from) {
      give(text, from);
      await settle();
    },
    give,
    async fail() {
      handler?.onSendError(peer, new Error('nobody is there'));
      await settle();
    },
    async nextInvite() {
      const next = await invites.next();
      if (next.done) throw new Error('the agent has closed');
      return next.value;
    },
    last(what) {
      const found = sent.findLast(({ message }) => titleOf(message) === what);
      if (found === undefined)
        throw new Error(
          `never sent «${what}», but ${sent.map(({ message }) => titleOf(message)).join(', ')}`,
        );
      return found.message;
    },
  };
}

/** `BYE` of a request, `200 BYE` of a response. */
export function titleOf(message: SipMessage): string {
  return message.kind === 'request'
    ? message.method
    : `${message.status} ${header(message, 'cseq')?.split(' ')[1]}`;
}

/** A request of the far end. */
export function request(
  method: string,
  options: {
    branch?: string;
    toTag?: string;
    cseq?: number;
    body?: string;
    /** Of the body; default SDP. */
    type?: string;
    headers?: string;
    uri?: string;
    callId?: string;
    via?: string;
  } = {},
): string {
  const {
    branch = `z9hG4bK${method}${options.cseq ?? 1}`,
    toTag,
    cseq = 1,
    body = '',
    type = 'application/sdp',
    headers = '',
    uri = 'sip:bot@192.0.2.1',
    callId = 'call-1',
  } = options;
  return `${method} ${uri} SIP/2.0
Via: ${options.via ?? `SIP/2.0/UDP 192.0.2.9:5060;branch=${branch};rport`}
Max-Forwards: 70
From: "Alice" <sip:alice@192.0.2.9>;tag=alice
To: <sip:bot@192.0.2.1>${toTag === undefined ? '' : `;tag=${toTag}`}
Call-ID: ${callId}
CSeq: ${cseq} ${method}
Contact: <sip:alice@192.0.2.9:5060>
${headers}${body === '' ? '' : `Content-Type: ${type}\n`}Content-Length: ${body.length}

${body}`;
}

/** A response of the far end to a request that the agent sent. */
export function response(
  to: SipMessage,
  status: number,
  options: { tag?: string; body?: string; contact?: string; headers?: string } = {},
): string {
  const { tag = 'far', body = '', contact = '<sip:far@192.0.2.9:5060>', headers = '' } = options;
  const copied = to.headers
    .filter(({ name }) => ['via', 'from', 'call-id', 'cseq'].includes(name))
    .map(({ name, value }) => `${name}: ${value}`);
  const target = header(to, 'to') ?? '';
  return `SIP/2.0 ${status} Whatever
${copied.join('\n')}
To: ${target.includes('tag=') || status === 100 ? target : `${target};tag=${tag}`}
Contact: ${contact}
${headers}${body === '' ? '' : 'Content-Type: application/sdp\n'}Content-Length: ${body.length}

${body}`;
}

/** The To tag of what the agent answered. */
export function tagOf(message: SipMessage): string {
  return /;tag=([^;]+)/.exec(header(message as SipResponse, 'to') ?? '')?.[1] ?? '';
}

/** A dialog owner that takes every offer. */
export const willing: DialogHandler = { onOffer: () => ({ sdp: SDP }), onAnswer() {} };
