import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { APP } from './server.ts';

/** What a bot got, as it came. */
export interface Notification {
  readonly changeType: string;
  readonly resource: string;
  // biome-ignore lint/suspicious/noExplicitAny: JSON from the wire, asserted on member by member
  readonly resourceData: any;
  readonly headers: IncomingHttpHeaders;
  readonly at: number;
  /** The status that the bot answered it with. */
  readonly answered: number;
}

/** A bot on a free loopback port: takes notifications, serves prompts, acts over the API. */
export interface Bot {
  readonly callbackUri: string;
  readonly origin: string;
  readonly notifications: readonly Notification[];
  /** Serves `body` at `/name`. */
  serve(name: string, body: Uint8Array): string;
  /** The first notification, past or future, that fits; rejects after 20 s with what came instead. */
  next(what: string, fits: (notification: Notification) => boolean): Promise<Notification>;
  /** An access token of APP for `server`. */
  token(server: string): Promise<string>;
  /** Calls the API of `server` with a token of APP. */
  act(server: string, method: string, path: string, body?: unknown): Promise<Response>;
  close(): Promise<void>;
}

export const isState =
  (state: string) =>
  (notification: Notification): boolean =>
    notification.resourceData.state === state;

export const isFinalOperation = (notification: Notification): boolean =>
  notification.changeType === 'deleted' && notification.resource.includes('/operations/');

/** `/app/calls/{id}` of whatever a notification is about. */
export function callPath(notification: Notification): string {
  const parts = notification.resource.split('/');
  return parts.slice(0, parts.indexOf('calls') + 2).join('/');
}

export async function startBot(
  options: {
    readonly onNotification?: (notification: Notification) => void;
    /** The status that the next notification is answered with, when that is not 200. */
    readonly answer?: () => number | Promise<number>;
    /** Whether `notifications` and `next` have them all; default: true. */
    readonly keep?: boolean;
  } = {},
): Promise<Bot> {
  const notifications: Notification[] = [];
  const files = new Map<string, Uint8Array>();
  const waiting = new Set<() => void>();
  const server = createServer(async (request, response) => {
    const file = files.get(request.url ?? '');
    if (file !== undefined) return void response.setHeader('content-type', 'audio/wav').end(file);
    if (request.method !== 'POST') return void response.writeHead(404).end();
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const answered = (await options.answer?.()) ?? 200;
    response.writeHead(answered).end();
    const envelope = JSON.parse(Buffer.concat(chunks).toString()) as { value: Notification[] };
    for (const value of envelope.value) {
      const notification = { ...value, headers: request.headers, at: Date.now(), answered };
      if (options.keep !== false) notifications.push(notification);
      options.onNotification?.(notification);
    }
    for (const wake of waiting) wake();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const tokens = new Map<string, { readonly token: Promise<string>; readonly until: number }>();
  const tokenOf = (api: string): Promise<string> => {
    let known = tokens.get(api);
    if (known === undefined || known.until < performance.now())
      known = { token: fetchToken(api), until: performance.now() + TOKEN_KEPT_MS };
    tokens.set(api, known);
    return known.token;
  };

  return {
    origin,
    callbackUri: `${origin}/api/calls`,
    notifications,
    serve(name, body) {
      files.set(`/${name}`, body);
      return `${origin}/${name}`;
    },
    next(what, fits) {
      return new Promise((resolve, reject) => {
        const deadline = setTimeout(() => {
          waiting.delete(look);
          const got = notifications.map(
            (one) => `${one.changeType} ${one.resource} ${JSON.stringify(one.resourceData)}`,
          );
          reject(new Error(`no notification «${what}» in 20 s; got:\n${got.join('\n') || 'none'}`));
        }, 20_000);
        const look = () => {
          const found = notifications.find(fits);
          if (found === undefined) return;
          clearTimeout(deadline);
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      });
    },
    token: tokenOf,
    async act(api, method, path, body) {
      const headers: Record<string, string> = { authorization: `Bearer ${await tokenOf(api)}` };
      if (body !== undefined) headers['content-type'] = 'application/json';
      return fetch(`${api}/beta${path}`, {
        method,
        headers,
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Half of what it is good for. */
const TOKEN_KEPT_MS = 1_800_000;

async function fetchToken(api: string): Promise<string> {
  const reply = await fetch(`${api}/${APP.tenantId}/oauth2/v2.0/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: APP.id,
      client_secret: APP.secret,
      scope: 'tonearm/.default',
    }),
  });
  if (!reply.ok) throw new Error(`no token: ${reply.status} ${await reply.text()}`);
  return ((await reply.json()) as { access_token: string }).access_token;
}
