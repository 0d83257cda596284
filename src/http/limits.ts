/** What one client may cost the HTTP server: connections, time and ambiguity. Bodies are bounded in server.ts, headers by Node.js. */
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { networkOf } from '../network-of.ts';

export interface HttpTimes {
  /** From the connection, or the end of the last request, to the end of the headers. */
  readonly headersMs: number;
  /** Likewise to the end of the body. */
  readonly requestMs: number;
  /** In which nothing moves in either direction, whatever is going on. */
  readonly standstillMs: number;
  /** Until a connection that waits for another request is closed. */
  readonly idleMs: number;
  readonly lookEveryMs: number;
}

const HTTP_TIMES: HttpTimes = {
  headersMs: 10_000,
  requestMs: 30_000,
  standstillMs: 120_000,
  idleMs: 72_000,
  lookEveryMs: 1000,
};
/** Names and values together. */
const HEADER_BYTES = 16_384;
const WARN_EVERY_MS = 60_000;

/** A server that gives nobody more time than that, and takes no request that could be two. */
export function createTimedServer(
  handler: RequestListener,
  tls: { readonly cert: string; readonly key: string } | undefined,
  times: HttpTimes = HTTP_TIMES,
): Server {
  const options = {
    maxHeaderSize: HEADER_BYTES,
    headersTimeout: times.headersMs,
    requestTimeout: times.requestMs,
    keepAliveTimeout: times.idleMs,
    connectionsCheckingInterval: times.lookEveryMs,
    // Node.js would go on with what follows: see withoutAmbiguity.
    requireHostHeader: false,
    // Who would rather speak something else (Java's client: HTTP/2) is answered as if it had not asked, as RFC 9110 §7.8 has it.
    shouldUpgradeCallback: (request: IncomingMessage) =>
      server.listenerCount('upgrade') > 0 &&
      request.headers.upgrade?.toLowerCase() === 'websocket' &&
      // It is refused as any other request, then.
      !isAmbiguous(request),
  };
  const refused = new WeakSet<object>();
  const refuse = (status: number): RequestListener => {
    return ({ socket }, response) => {
      refused.add(socket);
      response.writeHead(status, { connection: 'close', 'content-length': 0 }).end();
    };
  };
  const clear = withoutAmbiguity(handler, refuse(400), refused);
  const server: Server =
    tls === undefined
      ? createServer(options, clear)
      : createTlsServer(
          { ...options, ...tls, minVersion: 'TLSv1.2', handshakeTimeout: times.headersMs },
          clear,
        );
  // Node.js would answer 417 by itself, and go on with what follows, ambiguous or not. RFC 9110 §10.1.1: there is no other expectation than 100-continue.
  server.on('checkExpectation', withoutAmbiguity(refuse(417), refuse(400), refused));
  return server.setTimeout(times.standstillMs);
}

/**
 * Closes connections beyond `most`, and beyond half of it from one address (of IPv6, one network of 64 bits), unless all come through a proxy. Those that only wait for
 * another request make room.
 */
export function limitConnections(
  server: Server,
  { most, perAddress, clock, log }: { most: number; perAddress: number; clock: Clock; log: Log },
): void {
  const byNetwork = new Map<string, number>();
  let warnedAt = -Infinity;
  const refused = (remote: string | undefined) => {
    server.closeIdleConnections();
    if (warnedAt + WARN_EVERY_MS > clock.monotonic()) return;
    warnedAt = clock.monotonic();
    log.warn({ remote, most, perAddress }, 'HTTP connections are refused: too many (http.maxConnections)');
  };
  server.maxConnections = most;
  server.on('drop', (data) => refused(data?.remoteAddress));
  server.on('connection', (socket) => {
    const { remoteAddress = '' } = socket;
    const network = networkOf(remoteAddress);
    const open = (byNetwork.get(network) ?? 0) + 1;
    if (open > perAddress) {
      refused(remoteAddress);
      socket.destroy();
      return;
    }
    byNetwork.set(network, open);
    socket.once('close', () => {
      const left = (byNetwork.get(network) ?? 1) - 1;
      if (left === 0) byNetwork.delete(network);
      else byNetwork.set(network, left);
    });
  });
}

/**
 * Refuses what two servers in a row may read differently, beyond what Node.js itself refuses: no Host or more than one (RFC 9112 §3.2), and
 * chunks in HTTP/1.0 (§6.1). What follows on a connection of `refused` may be a part of what was refused, and is never looked at.
 */
function withoutAmbiguity(
  handler: RequestListener,
  refuse: RequestListener,
  refused: WeakSet<object>,
): RequestListener {
  return (request, response) => {
    if (!refused.has(request.socket)) (isAmbiguous(request) ? refuse : handler)(request, response);
  };
}

function isAmbiguous({ rawHeaders, headers, httpVersion }: IncomingMessage): boolean {
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) if (rawHeaders[at]?.toLowerCase() === 'host') hosts++;
  return httpVersion === '1.0' ? hosts > 1 || headers['transfer-encoding'] !== undefined : hosts !== 1;
}
