import type { TraceEvent } from '../../../src/http/console/wire.ts';
import { spaced } from '../base/words.ts';

/** Between whom something passes: the ladder's arrow. `here`: at the server itself. */
export type Lane = 'fromCaller' | 'toCaller' | 'fromBot' | 'toBot' | 'here';

/** What can be left out of a timeline. */
export type Kind = 'sip' | 'call' | 'operations' | 'heard' | 'notifications' | 'requests';

/** A trace event as it is shown. */
export interface Telling {
  readonly kind: Kind;
  readonly lane: Lane;
  readonly title: string;
  /** In a few words, beside the title. */
  readonly aside?: string;
  /** Shown when it is opened; each with its heading. */
  readonly more: readonly Part[];
}

export interface Part {
  readonly heading: string;
  /** Shown as it is, or as JSON. */
  readonly content: unknown;
}

/** The ladder in words, for who does not see it. */
export const LANES: Readonly<Record<Lane, string>> = {
  fromCaller: 'caller to Tonearm',
  toCaller: 'Tonearm to caller',
  fromBot: 'bot to Tonearm',
  toBot: 'Tonearm to bot',
  here: 'Tonearm',
};

export const KINDS: Readonly<Record<Kind, string>> = {
  sip: 'SIP',
  call: 'States',
  operations: 'Operations',
  heard: 'Keys, speech and silence',
  requests: 'Requests',
  notifications: 'Notifications',
};

export function tellingOf(event: TraceEvent): Telling {
  switch (event.kind) {
    case 'sip':
      return {
        kind: 'sip',
        lane: event.direction === 'in' ? 'fromCaller' : 'toCaller',
        title: event.title,
        aside: `${event.transport} ${event.remote}`,
        more: [part('Message', event.text)],
      };
    case 'state':
      return {
        kind: 'call',
        lane: 'here',
        title: `Call ${event.state}`,
        ...(event.ending !== undefined && { aside: event.ending }),
        more: [],
      };
    case 'request':
      return {
        kind: 'requests',
        lane: 'fromBot',
        title: `${event.method} ${lastOf(event.path)}`,
        aside: `answered ${event.status} in ${milliseconds(event.ms)}`,
        more: [
          part('Request', `${event.method} ${event.path}\n${headerLines(event.headers)}`),
          ...(event.body === undefined ? [] : [part('Body', event.body)]),
          ...(event.answer === undefined ? [] : [part(`Answer, ${event.status}`, event.answer)]),
        ],
      };
    case 'operation':
      return operationTelling(event);
    case 'heard':
      return {
        kind: 'heard',
        lane: 'fromCaller',
        title: event.what === 'key' ? `Key ${event.key}` : event.what === 'speech' ? 'Speech' : 'Silence',
        more: [],
      };
    case 'notification':
      return notificationTelling(event);
  }
}

function operationTelling(event: Extract<TraceEvent, { kind: 'operation' }>): Telling {
  const { operation, change, detail, operationId, recordingId, endReport } = event;
  return {
    kind: 'operations',
    lane: 'here',
    title: `${operation}: ${spaced(change)}`,
    ...(detail !== undefined && { aside: detail }),
    more: [
      part('Operation', operationId),
      ...(recordingId === undefined ? [] : [part('Recording', recordingId)]),
      ...(endReport === undefined ? [] : [part('How it ended', endReport)]),
    ],
  };
}

function notificationTelling(event: Extract<TraceEvent, { kind: 'notification' }>): Telling {
  const { number, attempt, target, body, status, ms, nextAttemptInMs, id } = event;
  const again =
    nextAttemptInMs === undefined ? '' : `; again in ${Math.max(1, Math.round(nextAttemptInMs / 1000))} s`;
  return {
    kind: 'notifications',
    lane: 'toBot',
    title: `Notification ${number}${attempt > 1 ? `, attempt ${attempt}` : ''}: ${gistOf(body)}`,
    aside: `${status === undefined ? 'no answer' : `answered ${status}`} in ${milliseconds(ms)}${again}`,
    more: [part('To', `${target}\ntonearm-notification-id: ${id}`), part('Body', body)],
  };
}

/** "updated established" of a notification's first entry; its resource's last word when there is no state. */
function gistOf(body: unknown): string {
  const [first] = asList(member(body, 'value'));
  const data = member(first, 'resourceData');
  const what = member(data, 'state') ?? member(data, 'status') ?? '';
  const tone = member(member(data, 'toneInfo'), 'tone');
  const resource = String(member(first, 'resource') ?? '').includes('/operations/') ? 'operation' : 'call';
  return [member(first, 'changeType') ?? '', resource, tone ?? what].filter(Boolean).join(' ');
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

const part = (heading: string, content: unknown): Part => ({ heading, content });

const headerLines = (headers: Readonly<Record<string, string>>) =>
  Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}`)
    .join('\n');

/** What is done, of a path: "record" of `/beta/app/calls/{id}/record`; "call" of `/beta/app/calls/{id}`. */
function lastOf(path: string): string {
  const [last = '', before = ''] = (path.split('?')[0] ?? '').split('/').reverse();
  return before === 'calls' ? 'call' : last;
}

const milliseconds = (ms: number) => `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
