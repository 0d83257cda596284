import type { CallTrace, TraceEvent } from '../../../src/http/console/wire.ts';
import { LANES, tellingOf } from './telling.ts';

/** Everything that is known of a call, for people and programs. */
export function exchangeAsJson(trace: CallTrace): string {
  return JSON.stringify(trace, undefined, 2);
}

/**
 * The HTTP of a call as a `.http` file, which editors can send again request by request: what the bot asked of the server, and what it
 * was told; the rest, SIP too, as comments between them.
 */
export function exchangeAsHttp(trace: CallTrace, publicUrl: string): string {
  const { call, events } = trace;
  const head = [
    `# Call ${call.id}: ${oneLine(call.caller)} → ${oneLine(call.callee)}, ${call.applicationName}`,
    `# ${new Date(call.createdAt).toISOString()}`,
    ...(trace.dropped > 0 ? [`# The first ${trace.dropped} events are not here any more.`] : []),
    '@token = …',
  ];
  const parts = events.map((event) => asHttp(event, call.createdAt, publicUrl));
  return `${[head.join('\n'), ...parts].join('\n\n')}\n`;
}

function asHttp(event: TraceEvent, from: number, publicUrl: string): string {
  const { title, aside, lane } = tellingOf(event);
  const when = `${((event.at - from) / 1000).toFixed(3)} s`;
  const about = [title, aside, event.error && `ERROR ${event.error}`]
    .filter(Boolean)
    .map((text) => oneLine(text!));
  if (event.kind === 'request')
    return [
      `### ${when} ${about.join(' · ')}`,
      `${event.method} ${new URL(event.path, publicUrl).href}`,
      ...Object.entries(event.headers).map(([name, value]) =>
        name.toLowerCase() === 'authorization'
          ? 'authorization: Bearer {{token}}'
          : `${name}: ${oneLine(value)}`,
      ),
      ...bodyLines(event.body),
      ...(event.answer === undefined ? [] : ['', commented(JSON.stringify(event.answer, undefined, 2))]),
    ].join('\n');
  if (event.kind === 'notification')
    return [
      `### ${when} ${about.join(' · ')}`,
      `POST ${event.target}`,
      `tonearm-notification-id: ${event.id}`,
      `tonearm-sequence: ${event.number}`,
      'content-type: application/json',
      ...bodyLines(event.body),
    ].join('\n');
  const text = event.kind === 'sip' ? `\n${commented(event.text.trimEnd())}` : '';
  return `# ${when} ${LANES[lane]}: ${about.join(' · ')}${text}`;
}

function bodyLines(body: unknown): readonly string[] {
  return body === undefined ? [] : ['', JSON.stringify(body, undefined, 2)];
}

const commented = (text: string) => text.replace(/^/gm, '# ').replace(/\r/g, '');

/** What callers say must not begin a line of its own. */
const oneLine = (text: string) => text.replace(/[\r\n]+/g, ' ');
