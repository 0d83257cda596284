/**
 * What each address that messages come from may cost us, and what may be sent to one that is perhaps not who it says
 * (docs/security.md). Bounded, whoever comes.
 *
 * Anybody can write any address into a UDP datagram. So a source is a *stranger* until it has told something that only who gets our
 * answers can know (a To tag or a branch of ours), or has opened a connection (TCP, WebSocket); strangers share what they get.
 */
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { networkOf } from '../network-of.ts';
import { type Bucket, fullBucket, take } from './token-bucket.ts';
import type { Peer } from './transport.ts';

export interface SourceLimits {
  /** Requests outside of dialogs that one source may make in a second; the rest of what it may do is reckoned from it, below. */
  readonly requestsPerSecond: number;
  /** Calls that one source may have made, ringing and talking, at one time. */
  readonly callsPerSource: number;
  /** The same of all sources together, trusted ones too. */
  readonly calls: number;
  /** Whom nothing but `calls` holds for: trunks, and proxies of one's own. */
  readonly isTrusted: (address: string) => boolean;
}

export const DEFAULT_LIMITS: SourceLimits = {
  requestsPerSecond: 50,
  callsPerSource: 1000,
  calls: 5000,
  isTrusted: () => false,
};

/** Why something was turned away; see the metric `tonearm_sip_turned_away_total`. */
export const REASONS_TURNED_AWAY = [
  /** Not read: more messages than one source may send, or strangers together. */
  'messages',
  /** More requests than one source may make, or strangers together. */
  'requests',
  'transactions',
  'calls',
  'connections',
  /** An answer was not sent again: its stranger has not sent enough to be owed it. */
  'repeats',
] as const;
export type TurnedAway = (typeof REASONS_TURNED_AWAY)[number];

/** Messages to each request: a call has some ten, and requests are repeated. */
const MESSAGES = 20;
/** What all strangers together may do, in sources. */
const STRANGERS = 4;
/** A transaction over UDP lives for 32 s after its answer: so many seconds' requests, and those within dialogs. */
const OPEN_S = 80;
/** Of these, what requests outside of dialogs may take: a BYE is worth more than one more INVITE. */
const OPEN_OUTSIDE = 0.75;
/** Of a source's calls what a stranger may have, and of all calls what all strangers may. */
const STRANGER_CALLS = 0.05;
const STRANGERS_CALLS = 0.1;
/** One phone needs one connection; an office behind one address has some. */
const CONNECTIONS = 100;
/** A request weighs one for each so many bytes of it: what it takes up stays for as long as its transaction. */
const WEIGHT_BYTES = 2048;
/**
 * Answers are repeated to a stranger as long as it was sent no more than so many times the bytes that came from it: what QUIC allows, for the
 * same reason (RFC 9000 §8.1). In messages somewhat more, as ours are small.
 */
const REPAID_BYTES = 3;
const REPAID_MESSAGES = 5;
const MOST_SOURCES = 10_000;
const LOG_PAUSE_MS = 10_000;

/** One address; of IPv6 a network of 64 bits, which is what one subscriber has. */
export interface Source {
  readonly address: string;
  /** It gets our answers. */
  known: boolean;
  readonly requests: Bucket;
  readonly messages: Bucket;
  /** Bytes and messages that came from and went to it, over UDP, while it was a stranger. */
  heardBytes: number;
  heardMessages: number;
  toldBytes: number;
  toldMessages: number;
  /** At this time. */
  transactions: number;
  calls: number;
}

export interface Sources {
  readonly size: number;
  readonly turnedAway: Readonly<Record<TurnedAway, number>>;
  of(peer: Peer): Source;
  /** A message came. `false`: it is not to be read. */
  hear(peer: Peer, bytes: number): boolean;
  /** Whether one more connection, beside those that are `open`, is to be taken. */
  mayConnect(address: string, open: number): boolean;
  isTrusted(address: string): boolean;
  /** A new request came. `refuse`: 503, `ignore`: no answer, which a stranger has no use for. `within`: one of our dialogs. */
  admit(source: Source, bytes: number, within: boolean): 'take' | 'refuse' | 'ignore';
  /** It told something that only who gets our answers can know. */
  recognize(source: Source): void;
  /** Makes room for one more call; `undefined`: there is none. Gives it back, once, when the call is over. */
  takeCall(source: Source): (() => void) | undefined;
  /** A message goes out to it over UDP. */
  tell(source: Source, bytes: number): void;
  /** Whether it is to be told again what it has been told already, unasked. */
  mayRepeat(source: Source, bytes: number): boolean;
}

export function createSources(options: {
  readonly limits: SourceLimits;
  readonly clock: Clock;
  readonly log: Log;
}): Sources {
  const { limits, clock, log } = options;
  const { requestsPerSecond, isTrusted } = limits;
  const messagesPerSecond = requestsPerSecond * MESSAGES;
  /** Both in the order in which they were heard of last. */
  const known = new Map<string, Source>();
  const strangers = new Map<string, Source>();
  const strangersRequests = fullBucket(requestsPerSecond * STRANGERS, clock.monotonic());
  const strangersMessages = fullBucket(messagesPerSecond * STRANGERS, clock.monotonic());
  const turnedAway = Object.fromEntries(REASONS_TURNED_AWAY.map((reason) => [reason, 0])) as Record<
    TurnedAway,
    number
  >;
  let calls = 0;
  let strangersCalls = 0;
  let silentUntil = 0;
  let sinceLog = 0;

  const turnAway = (source: Source, reason: TurnedAway): false => {
    turnedAway[reason]++;
    if (reason === 'repeats') return false;
    sinceLog++;
    if (clock.monotonic() < silentUntil) return false;
    silentUntil = clock.monotonic() + LOG_PAUSE_MS;
    log.warn(
      { source: source.address, stranger: !source.known, reason, since: sinceLog },
      'SIP: more comes than is taken; whom to take more from is sip.trusted',
    );
    sinceLog = 0;
    return false;
  };

  const add = (to: Map<string, Source>, source: Source) => {
    to.delete(source.address);
    to.set(source.address, source);
    if (to.size > MOST_SOURCES) to.delete(to.keys().next().value ?? '');
  };

  const recognize = (source: Source) => {
    if (source.known) return;
    source.known = true;
    strangersCalls -= source.calls;
    strangers.delete(source.address);
    add(known, source);
  };

  const find = (address: string, transport: Peer['transport']): Source => {
    const key = networkOf(address);
    const found = known.get(key) ?? strangers.get(key);
    const source = found ?? newSource(key, requestsPerSecond, messagesPerSecond, clock.monotonic());
    if (found === undefined) source.known = isTrusted(key);
    // A handshake has gone to and fro.
    if (transport !== 'udp') recognize(source);
    add(source.known ? known : strangers, source);
    return source;
  };

  /** Takes from a source's bucket and, when it is a stranger, from that of all strangers. */
  const takes = (
    source: Source,
    own: Bucket,
    shared: Bucket,
    perSecond: number,
    weight: number,
    now: number,
  ) =>
    take(own, perSecond, weight, now) && (source.known || take(shared, perSecond * STRANGERS, weight, now));

  const mayMakeCall = (source: Source) =>
    calls < limits.calls &&
    (isTrusted(source.address) ||
      (source.known
        ? source.calls < limits.callsPerSource
        : source.calls < limits.callsPerSource * STRANGER_CALLS &&
          strangersCalls < limits.calls * STRANGERS_CALLS));

  return {
    get size() {
      return known.size + strangers.size;
    },
    turnedAway,
    of: (peer) => find(peer.address, peer.transport),
    hear({ address, transport }, bytes) {
      const source = find(address, transport);
      const now = clock.monotonic();
      if (
        !takes(source, source.messages, strangersMessages, messagesPerSecond, 1, now) &&
        !isTrusted(source.address)
      )
        return turnAway(source, 'messages');
      if (transport === 'udp' && !source.known) {
        source.heardBytes += bytes;
        source.heardMessages++;
      }
      return true;
    },
    mayConnect(address, open) {
      if (open < CONNECTIONS || isTrusted(networkOf(address))) return true;
      return turnAway(find(address, 'tcp'), 'connections');
    },
    isTrusted: (address) => isTrusted(networkOf(address)),
    admit(source, bytes, within) {
      const no = source.known ? 'refuse' : 'ignore';
      const most = requestsPerSecond * OPEN_S * (within ? 1 : OPEN_OUTSIDE);
      const isRoom = source.transactions < most || isTrusted(source.address);
      if (!isRoom) turnAway(source, 'transactions');
      if (!isRoom || within) return isRoom ? 'take' : no;
      const weight = Math.ceil(bytes / WEIGHT_BYTES);
      if (
        takes(source, source.requests, strangersRequests, requestsPerSecond, weight, clock.monotonic()) ||
        isTrusted(source.address)
      )
        return 'take';
      turnAway(source, 'requests');
      return no;
    },
    recognize,
    takeCall(source) {
      if (!mayMakeCall(source)) {
        turnAway(source, 'calls');
        return undefined;
      }
      calls++;
      source.calls++;
      if (!source.known) strangersCalls++;
      let over = false;
      return () => {
        if (over) return;
        over = true;
        calls--;
        source.calls--;
        if (!source.known) strangersCalls--;
      };
    },
    tell(source, bytes) {
      source.toldBytes += bytes;
      source.toldMessages++;
    },
    mayRepeat(source, bytes) {
      const isPaid =
        source.toldBytes + bytes <= source.heardBytes * REPAID_BYTES &&
        source.toldMessages < source.heardMessages * REPAID_MESSAGES;
      return source.known || isPaid || isTrusted(source.address) || turnAway(source, 'repeats');
    },
  };
}

function newSource(
  address: string,
  requestsPerSecond: number,
  messagesPerSecond: number,
  now: number,
): Source {
  return {
    address,
    known: false,
    requests: fullBucket(requestsPerSecond, now),
    messages: fullBucket(messagesPerSecond, now),
    heardBytes: 0,
    heardMessages: 0,
    toldBytes: 0,
    toldMessages: 0,
    transactions: 0,
    calls: 0,
  };
}
