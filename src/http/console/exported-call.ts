/** A call's whole exchange to take away: as JSON, and as requests that an editor can send again. Pure. */
import type { CallTrace, TraceEvent } from './wire.ts';

/** The trace as it is, to be read. */
export function callAsJson(trace: CallTrace): string {
  return `${JSON.stringify(trace, undefined, 2)}\n`;
}

type Requested = Extract<TraceEvent, { kind: 'request' }>;
type Notified = Extract<TraceEvent, { kind: 'notification' }>;

/**
 * A `.http` file, as VS Code's REST Client and JetBrains' HTTP Client take it: each request of the bot with the variables `host`, `token`
 * and `call` in the place of what was sent, and as comments what the bot was told before it. `host`: how bots reach the API.
 */
export function callAsHttp(trace: CallTrace, host: string): string {
  const { call, events, dropped } = trace;
  const blocks = [
    [
      `@host = ${oneLine(host)}`,
      '# An access token of the application.',
      '@token =',
      `@call = ${call.id}`,
      '',
      `# ${oneLine(`${call.direction} call from ${call.caller} to ${call.callee}, ${call.applicationName}`)}`,
      `# ${new Date(call.createdAt).toISOString()}${call.ending === undefined ? '' : `: ${oneLine(call.ending)}`}`,
      ...(dropped > 0 ? [`# The first ${dropped} events are not remembered.`] : []),
    ],
  ];
  /** What the bot was told since its last request. */
  let told: string[] = [];
  for (const event of [...events].sort(byTime)) {
    if (event.kind === 'notification') told.push(...notified(event));
    if (event.kind !== 'request') continue;
    blocks.push([separator(event), ...told, ...requested(event, call.id)]);
    told = [];
  }
  if (told.length > 0) blocks.push(['### told last', ...told]);
  return `${blocks.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

/** A request stands where it came, though it is known only when it is answered. */
function byTime(a: TraceEvent, b: TraceEvent): number {
  return a.at - b.at || a.sequence - b.sequence;
}

function separator({ method, path, status, at }: Requested): string {
  return `### ${timeOf(at)} ${method} ${literal(path.split('/').at(-1) ?? '')}: ${status}`;
}

function notified({ number, attempt, target, status, error, at, body }: Notified): string[] {
  const answer = status ?? error ?? 'no answer';
  const what = `${timeOf(at)} notification ${number}, attempt ${attempt}, to ${target}: ${answer}`;
  return [what, ...pretty(body).split('\n')].map((line) => `# ${oneLine(line)}`);
}

function requested({ method, path, headers, body }: Requested, callId: string): string[] {
  const kept = Object.entries(headers).filter(([name]) => KEPT.test(name));
  return [
    `${method} {{host}}${literal(path).replaceAll(callId, '{{call}}')}`,
    'Authorization: Bearer {{token}}',
    ...kept.map(([name, value]) => `${name}: ${literal(oneLine(value))}`),
    ...(body === undefined ? [] : ['Content-Type: application/json', '', literalJson(pretty(body))]),
  ];
}

/** Of its headers those that mean something to the API; the rest is the sender's own business. */
const KEPT = /^(?:accept|idempotency-key|client-request-id|scenario-id|if-match|if-none-match|prefer)$/i;

function timeOf(at: number): string {
  return new Date(at).toISOString().slice(11, 23);
}

function pretty(value: unknown): string {
  return JSON.stringify(value, undefined, 2) ?? '';
}

/** Unicode has two line ends of its own, which some editors heed. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ');
}

/** In an editor two braces begin a variable, or a script's value; what a bot sent must not. */
function literal(text: string): string {
  return text.replaceAll('{', '%7B');
}

/** The same in JSON, where they stand in strings alone. */
function literalJson(text: string): string {
  return text.replaceAll('{{', '{\\u007b');
}
