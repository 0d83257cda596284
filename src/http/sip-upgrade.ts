/** `/sip`: WebSockets that speak SIP (RFC 7118), for browsers. Who may open one, how many, and how much each may send. */
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import type { FastifyPluginAsync } from 'fastify';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Log } from '../log.ts';
import type { SipSocket } from '../sip/ws-transport.ts';
import { MAX_MESSAGE_BYTES } from '../wire/sip-message.ts';

export interface SipUpgradeOptions {
  /** Pages of these origins may call, besides our own and those of the caller's own machine; `*`: of every one. */
  readonly origins: readonly string[];
  /** Where we are reached. */
  readonly publicUrl: string;
  /** Whether the last address in X-Forwarded-For says whose connection it is. */
  readonly trustProxy: boolean;
  /** Takes a connection from this address; `undefined`: there is no room for it, or nobody who could. */
  readonly adopt: (address: string) => ((socket: SipSocket) => void) | undefined;
  readonly log: Log;
}

const PATH = '/sip';
const NOTHING = new Uint8Array();
/** RFC 7118 §6: keeps the way open through NAT and proxies, and finds out who is gone. */
const PING_MS = 25_000;
/** Of one message. What waits for the rest keeps all that came with it, up to 64 kB for each piece, for as long as the peer likes. */
const MOST_PIECES = 16;
/** A peer that does not read: more unsent bytes than this end its connection. */
const MOST_UNSENT_BYTES = 1 << 20;

/** Takes WebSockets on the server that it is registered with, and refuses those for other paths. */
export function sipUpgrade(options: SipUpgradeOptions): FastifyPluginAsync {
  return async (app) => {
    const server = new WebSocketServer({
      noServer: true,
      maxPayload: MAX_MESSAGE_BYTES,
      maxFragments: MOST_PIECES,
      perMessageDeflate: false,
      handleProtocols: () => 'sip',
    });
    const silent = new WeakSet<WebSocket>();
    const pinging = setInterval(() => {
      for (const socket of server.clients) {
        if (silent.has(socket)) socket.terminate();
        silent.add(socket);
        socket.ping();
      }
    }, PING_MS).unref();
    app.server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
      const address = addressOf(request, options.trustProxy);
      const refusal = refuse(request, options);
      const adopt = refusal === undefined ? options.adopt(address) : undefined;
      if (adopt === undefined) {
        const status = refusal ?? '503 Service Unavailable';
        options.log.debug({ status, origin: request.headers.origin }, 'a WebSocket was refused');
        // Node.js has let go of it, errors and times included: who breaks off must end no more than this.
        stream.on('error', () => stream.destroy());
        stream.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () =>
          stream.destroy(),
        );
        return;
      }
      server.handleUpgrade(request, stream, head, (socket) => {
        socket.on('pong', () => silent.delete(socket));
        // Each is answered by a pong, which waits in memory for who does not read.
        socket.on('ping', () => isUnread(socket) && socket.terminate());
        adopt(sipSocket(socket, request, address, options.log));
      });
    });
    app.addHook('preClose', async () => {
      clearInterval(pinging);
      for (const socket of server.clients) socket.terminate();
    });
  };
}

function refuse(request: IncomingMessage, options: SipUpgradeOptions): string | undefined {
  if (request.url?.split('?')[0] !== PATH) return '404 Not Found';
  if (!speaksSip(request.headers['sec-websocket-protocol'])) return '400 Bad Request';
  return mayCall(request.headers.origin, request.headers.host, options) ? undefined : '403 Forbidden';
}

/** Whether it is among the subprotocols of a header. RFC 7118 §4: another one is another conversation. In linear time, whatever comes. */
export function speaksSip(protocols: string | undefined): boolean {
  return protocols?.split(',').some((protocol) => protocol.trim() === 'sip') ?? false;
}

/**
 * Whether a page of this origin may call. Programs that are no browsers have none, and could name any. A page of a host with a name is ours
 * only when that name is the public one: with any other it may be a stranger's, whose name was made to lead here (DNS rebinding).
 */
export function mayCall(
  origin: string | undefined,
  host: string | undefined,
  { origins, publicUrl }: Pick<SipUpgradeOptions, 'origins' | 'publicUrl'>,
): boolean {
  if (origin === undefined || origins.includes('*') || origins.includes(origin)) return true;
  if (!URL.canParse(origin)) return false;
  const page = new URL(origin);
  const name = page.hostname.replace(/^\[|\]$/g, '');
  if (page.origin === new URL(publicUrl).origin || /^(localhost|127\.\d+\.\d+\.\d+|::1)$/.test(name))
    return true;
  return isIP(name) !== 0 && page.host === host;
}

/** Of what a proxy was told before, only the last is its own word, and nobody else's to choose. */
function addressOf({ headers, socket }: IncomingMessage, trustProxy: boolean): string {
  const told = trustProxy ? String(headers['x-forwarded-for'] ?? '').split(',') : [];
  const last = plain(told.at(-1)?.trim());
  return isIP(last) === 0 ? plain(socket.remoteAddress) : last;
}

/** A dual-stack socket gives IPv4 peers as mapped addresses. */
function plain(address = ''): string {
  return address.replace(/^::ffff:(?=[\d.]+$)/, '');
}

function isUnread(socket: WebSocket): boolean {
  return socket.bufferedAmount > MOST_UNSENT_BYTES;
}

function sipSocket(
  socket: WebSocket,
  { socket: stream }: IncomingMessage,
  address: string,
  log: Log,
): SipSocket {
  const remote = { address, port: stream.remotePort ?? 0 };
  socket.on('error', (error) => log.debug({ peer: remote, error: error.message }, 'a WebSocket broke off'));
  return {
    remote,
    local: { address: plain(stream.localAddress), port: stream.localPort ?? 0 },
    listen(onMessage, onClosed) {
      socket.on('message', (bytes: Buffer) => onMessage(bytes));
      // They cost as much as messages do.
      socket.on('ping', () => onMessage(NOTHING));
      socket.on('close', onClosed);
    },
    send(text) {
      if (isUnread(socket)) socket.terminate();
      else socket.send(text, () => {});
    },
    close: () => socket.close(),
    destroy: () => socket.terminate(),
  };
}
