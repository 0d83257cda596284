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
  /** At one time. */
  readonly connections: number;
  /** Takes a connection; `undefined` while nobody can. */
  readonly adopt: () => ((socket: SipSocket) => void) | undefined;
  readonly log: Log;
}

const PATH = '/sip';
/** RFC 7118 §6: keeps the way open through NAT and proxies, and finds out who is gone. */
const PING_MS = 25_000;
/** A peer that does not read: more unsent bytes than this end its connection. */
const MOST_UNSENT_BYTES = 1 << 20;

/** Takes WebSockets on the server that it is registered with, and refuses those for other paths. */
export function sipUpgrade(options: SipUpgradeOptions): FastifyPluginAsync {
  return async (app) => {
    const server = new WebSocketServer({
      noServer: true,
      maxPayload: MAX_MESSAGE_BYTES,
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
      const refusal = refuse(request, server.clients.size, options);
      const adopt = options.adopt();
      if (refusal !== undefined || adopt === undefined) {
        const status = refusal ?? '503 Service Unavailable';
        options.log.debug({ status, origin: request.headers.origin }, 'a WebSocket was refused');
        return stream.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      }
      server.handleUpgrade(request, stream, head, (socket) => {
        socket.on('pong', () => silent.delete(socket));
        adopt(sipSocket(socket, request, options.log));
      });
    });
    app.addHook('preClose', async () => {
      clearInterval(pinging);
      for (const socket of server.clients) socket.terminate();
    });
  };
}

function refuse(request: IncomingMessage, open: number, options: SipUpgradeOptions): string | undefined {
  if (request.url?.split('?')[0] !== PATH) return '404 Not Found';
  // RFC 7118 §4: another subprotocol is another conversation.
  const protocols = String(request.headers['sec-websocket-protocol'] ?? '').split(/\s*,\s*/);
  if (!protocols.includes('sip')) return '400 Bad Request';
  if (!mayCall(request.headers.origin, request.headers.host, options)) return '403 Forbidden';
  return open >= options.connections ? '503 Service Unavailable' : undefined;
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

function sipSocket(socket: WebSocket, { socket: stream }: IncomingMessage, log: Log): SipSocket {
  // A dual-stack socket gives IPv4 peers as mapped addresses.
  const plain = (address = '') => address.replace(/^::ffff:(?=[\d.]+$)/, '');
  const remote = { address: plain(stream.remoteAddress), port: stream.remotePort ?? 0 };
  socket.on('error', (error) => log.debug({ peer: remote, error: error.message }, 'a WebSocket broke off'));
  return {
    remote,
    local: { address: plain(stream.localAddress), port: stream.localPort ?? 0 },
    listen(onMessage, onClosed) {
      socket.on('message', (bytes: Buffer) => onMessage(bytes));
      socket.on('close', onClosed);
    },
    send(text) {
      if (socket.bufferedAmount > MOST_UNSENT_BYTES) socket.terminate();
      else socket.send(text, () => {});
    },
    close: () => socket.close(),
  };
}
