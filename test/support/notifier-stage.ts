/** Deliveries on a stage: a notifier on the virtual clock, and bots over real sockets. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { type NotifierOptions, startNotifier } from '../../src/notify/notifier.ts';
import type { NewNotification } from '../../src/notify/outbox.ts';
import { openSqliteOutbox, type SqliteOutbox } from '../../src/notify/sqlite-outbox.ts';
import { callbackRules } from '../../src/outbound/callbacks.ts';
import { VirtualClock } from './virtual-clock.ts';

interface Request {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly answer: ServerResponse;
}

export const EVERYWHERE = {
  allow: [
    { kind: 'scheme', protocol: 'https:' },
    { kind: 'scheme', protocol: 'http:' },
  ],
  allowHttp: true,
} as const;
export const ALL = { skip: 0, top: 1000 };

/** Hands over what comes, in order, to whoever asks for it. */
function queue<T>() {
  const items: T[] = [];
  const askers: ((item: T) => void)[] = [];
  return {
    items,
    push(item: T) {
      const asker = askers.shift();
      if (asker) asker(item);
      else items.push(item);
    },
    next: () =>
      items.length > 0
        ? Promise.resolve(items.shift() as T)
        : new Promise<T>((resolve) => void askers.push(resolve)),
  };
}

/** A bot on a free port: its requests wait to be answered by the test. */
export async function openBot(t: TestContext) {
  const requests = queue<Request>();
  const server = createServer(async (request, answer) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    requests.push({ headers: request.headers, body: Buffer.concat(chunks).toString(), answer });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/calls`;
  return {
    url,
    next: requests.next,
    waiting: requests.items,
    async answerNext(status: number, headers: Record<string, string> = {}) {
      const request = await requests.next();
      request.answer.writeHead(status, headers).end();
      return request;
    },
  };
}

/** A notifier on the virtual clock, with an outbox in memory unless one is given; what it warns of waits to be looked at. */
export function startStaged(
  t: TestContext,
  {
    loopback = true,
    ...options
  }: Partial<NotifierOptions> & { loopback?: boolean; outbox?: SqliteOutbox } = {},
) {
  const callbacks = callbackRules({ ...EVERYWHERE, loopback });
  const clock = new VirtualClock();
  const outbox = options.outbox ?? openSqliteOutbox(':memory:');
  const warnings = queue<Record<string, unknown>>();
  const errors = queue<Record<string, unknown>>();
  const notifier = startNotifier({
    outbox,
    clock,
    callbacks,
    callbackOf: () => undefined,
    authorize: async ({ applicationId, tenantId }) => `${applicationId}.${tenantId}`,
    random: () => 0.5,
    log: {
      debug() {},
      info() {},
      warn: (fields) => warnings.push({ ...fields }),
      error: (fields) => errors.push({ ...fields }),
    },
    ...options,
  });
  t.after(() => notifier.close());
  return { clock, outbox, notifier, warnings, errors, callbacks };
}

export const notification = (target: string, lane: string, key: string): NewNotification => ({
  lane,
  key,
  target,
  applicationId: 'app',
  tenantId: 'tenant',
  body: JSON.stringify({ key }),
  headers: { 'Scenario-Id': 'abc' },
});
