/**
 * The four transaction machines as data: RFC 3261 figures 5, 6, 7 and 8, with the Accepted states of RFC 6026 §7.1, §8.4, §8.7.
 * Read a row as: in this state, on this event, go to that state and do these things.
 */
import type { TimerName } from './timers.ts';

export type Action =
  /** Sends the request, or the last response, (again). */
  | 'send'
  /** Sends the last response again although nobody asked: not to a stranger who was sent much already (sources.ts). */
  | 'repeat'
  /** Sends 100 Trying. */
  | 'try'
  /** Acknowledges a non-2xx final response (§17.1.1.3). */
  | 'ack'
  /** Hands what came to the transaction user. */
  | 'report'
  /** Tells the transaction user that nobody answered, or acknowledged. */
  | 'timeout'
  /** Tells the transaction user that the transport failed. */
  | 'fail';

export type Event =
  | '1xx'
  | '2xx'
  | '3xx-6xx'
  | 'request'
  | 'ack'
  | 'send 1xx'
  | 'send 2xx'
  | 'send 3xx-6xx'
  | 'send error';

export type State =
  | 'calling'
  | 'trying'
  | 'proceeding'
  | 'accepted'
  | 'completed'
  | 'confirmed'
  | 'terminated';

export interface Machine {
  readonly initial: State;
  /** Timers that run in each state: started on entry, stopped on leaving unless the next state has them too. */
  readonly timers: Readonly<Partial<Record<State, readonly TimerName[]>>>;
  readonly table: Readonly<
    Partial<Record<State, Readonly<Partial<Record<Event | TimerName, readonly [State, ...Action[]]>>>>>
  >;
}

/** Figure 5; states explained in §17.1.1.2. 2xx leads to Accepted (RFC 6026), where its retransmissions are reported. */
export const INVITE_CLIENT: Machine = {
  initial: 'calling',
  timers: { calling: ['A', 'B'], accepted: ['M'], completed: ['D'] },
  table: {
    calling: {
      A: ['calling', 'send'],
      B: ['terminated', 'timeout'],
      '1xx': ['proceeding', 'report'],
      '2xx': ['accepted', 'report'],
      '3xx-6xx': ['completed', 'ack', 'report'],
      'send error': ['terminated', 'fail'],
    },
    proceeding: {
      '1xx': ['proceeding', 'report'],
      '2xx': ['accepted', 'report'],
      '3xx-6xx': ['completed', 'ack', 'report'],
    },
    accepted: { '2xx': ['accepted', 'report'], M: ['terminated'] },
    completed: { '3xx-6xx': ['completed', 'ack'], 'send error': ['terminated', 'fail'], D: ['terminated'] },
  },
};

/** Figure 6, §17.1.2.2. */
export const NON_INVITE_CLIENT: Machine = {
  initial: 'trying',
  timers: { trying: ['E', 'F'], proceeding: ['E', 'F'], completed: ['K'] },
  table: {
    trying: {
      E: ['trying', 'send'],
      F: ['terminated', 'timeout'],
      '1xx': ['proceeding', 'report'],
      '2xx': ['completed', 'report'],
      '3xx-6xx': ['completed', 'report'],
      'send error': ['terminated', 'fail'],
    },
    proceeding: {
      E: ['proceeding', 'send'],
      F: ['terminated', 'timeout'],
      '1xx': ['proceeding', 'report'],
      '2xx': ['completed', 'report'],
      '3xx-6xx': ['completed', 'report'],
      'send error': ['terminated', 'fail'],
    },
    completed: { K: ['terminated'] },
  },
};

/**
 * Figure 7, §17.2.1; 2xx leads to Accepted (RFC 6026 §8.7), where retransmitted INVITEs are absorbed. The figure sends 100 at once; §17.2.1 lets one
 * do without who answers within 200 ms, and so a refusal that comes at once is asked for again, by the INVITE's repetition, where it was lost.
 */
export const INVITE_SERVER: Machine = {
  initial: 'trying',
  timers: { trying: ['P'], accepted: ['L'], completed: ['G', 'H'], confirmed: ['I'] },
  table: {
    trying: {
      request: ['trying'],
      P: ['proceeding', 'try'],
      'send 1xx': ['proceeding', 'send'],
      'send 2xx': ['accepted', 'send'],
      'send 3xx-6xx': ['completed', 'send'],
      'send error': ['terminated', 'fail'],
    },
    proceeding: {
      request: ['proceeding', 'send'],
      'send 1xx': ['proceeding', 'send'],
      'send 2xx': ['accepted', 'send'],
      'send 3xx-6xx': ['completed', 'send'],
      'send error': ['terminated', 'fail'],
    },
    accepted: {
      request: ['accepted'],
      'send 2xx': ['accepted', 'repeat'],
      ack: ['accepted', 'report'],
      L: ['terminated'],
    },
    completed: {
      request: ['completed', 'send'],
      G: ['completed', 'repeat'],
      H: ['terminated', 'timeout'],
      ack: ['confirmed'],
      'send error': ['terminated', 'fail'],
    },
    confirmed: { ack: ['confirmed'], I: ['terminated'] },
  },
};

/** Figure 8, §17.2.2. */
export const NON_INVITE_SERVER: Machine = {
  initial: 'trying',
  timers: { completed: ['J'] },
  table: {
    trying: {
      request: ['trying'],
      'send 1xx': ['proceeding', 'send'],
      'send 2xx': ['completed', 'send'],
      'send 3xx-6xx': ['completed', 'send'],
    },
    proceeding: {
      request: ['proceeding', 'send'],
      'send 1xx': ['proceeding', 'send'],
      'send 2xx': ['completed', 'send'],
      'send 3xx-6xx': ['completed', 'send'],
      'send error': ['terminated', 'fail'],
    },
    completed: { request: ['completed', 'send'], J: ['terminated'], 'send error': ['terminated', 'fail'] },
  },
};

/** The event that a response of this status is, when it comes. */
export function received(status: number): '1xx' | '2xx' | '3xx-6xx' {
  return status < 200 ? '1xx' : status < 300 ? '2xx' : '3xx-6xx';
}
