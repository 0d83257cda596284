import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

/** What a server does with a connection, once the first bytes of a request have come. Its errors are nobody's. */
export type Behaviour = (socket: Socket, first: Buffer) => void;

/** A TCP server on a free loopback port that need not speak HTTP as it should. */
export interface RawServer {
  readonly origin: string;
  readonly port: number;
  /** Connections so far. */
  readonly connections: number;
  /** Bytes of answers that went out so far. */
  readonly sent: number;
  /** Closes its connections, as when it is started anew, and does this with those that come. */
  behave(behaviour: Behaviour): void;
  close(): Promise<void>;
}

export async function startRawServer(behaviour: Behaviour): Promise<RawServer> {
  const sockets = new Set<Socket>();
  let closedSent = 0;
  let connections = 0;
  let current = behaviour;
  const server = createServer((socket) => {
    connections++;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', (first) => current(socket, first));
    socket.once('close', () => {
      sockets.delete(socket);
      closedSent += socket.bytesWritten;
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    origin: `http://127.0.0.1:${port}`,
    get connections() {
      return connections;
    },
    get sent() {
      return [...sockets].reduce((sum, { bytesWritten }) => sum + bytesWritten, closedSent);
    },
    behave(next) {
      current = next;
      for (const socket of sockets) socket.destroy();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

const OK = 'HTTP/1.1 200 OK\r\n';

/** Writes `begin`, and then `piece` for as long as the other side takes it. */
const endless =
  (begin: string, piece: string): Behaviour =>
  (socket) => {
    const more = () => {
      while (socket.writable && socket.write(piece));
    };
    socket.on('drain', more).write(begin);
    more();
  };

/** How bots and prompts' hosts are known to misbehave. */
export const misbehaviours = {
  endlessBody: endless(`${OK}\r\n`, 'x'.repeat(16_384)),
  endlessChunks: endless(`${OK}Transfer-Encoding: chunked\r\n\r\n`, `4000\r\n${'x'.repeat(0x4000)}\r\n`),
  endlessHeaders: endless(OK, `X-More: ${'x'.repeat(1000)}\r\n`),
  endlessHeader: endless(`${OK}X-More: `, 'x'.repeat(16_384)),
  endlessStatusLine: endless('HTTP/1.1 200 ', 'x'.repeat(16_384)),
  endlessInformational: endless('', 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(500)),
  endlessTrailers: endless(`${OK}Transfer-Encoding: chunked\r\n\r\n0\r\n`, `X-More: ${'x'.repeat(1000)}\r\n`),
  noHttp: (socket) => void socket.end('220 mail.example ESMTP\r\n'),
  closes: (socket) => void socket.end(),
  resets: (socket) => void socket.resetAndDestroy(),
  closesWithinHeaders: (socket) => void socket.end(`${OK}X-Mo`),
  switchesProtocols: (socket) =>
    void socket.write('HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'),
  neverAnswers: () => {},
} as const satisfies Readonly<Record<string, Behaviour>>;
