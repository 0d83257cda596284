/** The page's files: `/` and `/assets/*`, as `npm run build:console` made them, read once and kept in memory. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { type GuardOptions, ofOurHost, originOf } from './guard.ts';

export interface PageOptions extends Pick<GuardOptions, 'publicUrl'> {
  /** Where the built page is; it need not be there. */
  readonly folder: string;
}

/** Beside the module's own, in a checkout and in the package alike. */
export const PAGE_FOLDER: string = join(
  import.meta.dirname,
  import.meta.url.endsWith('.ts') ? '../../../dist/console' : '../../console',
);

interface PageFile {
  readonly type: string;
  readonly etag: string;
  /** By content-encoding; `''`: as it is. */
  readonly bodies: ReadonlyMap<string, Buffer>;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.json': 'application/json',
  '.wav': 'audio/wav',
  '.map': 'application/json',
};
const COMPRESSIBLE = new Set(['.html', '.js', '.css', '.svg', '.json', '.map']);
const NOT_BUILT = 'The console is not built. In a checkout: npm run build:console\n';

export function pageRoutes({ folder, publicUrl }: PageOptions): FastifyPluginAsync {
  return async (app) => {
    app.addHook('onRequest', (request, reply) => ofOurHost(request, reply, { publicUrl }));
    let loading: Promise<ReadonlyMap<string, PageFile>> | undefined;
    const send = async (request: FastifyRequest, reply: FastifyReply, path: string) => {
      // Not at the start: who never looks does not wait for it. A page that is built meanwhile is found.
      if (loading === undefined && existsSync(join(folder, 'index.html'))) loading = load(folder);
      const files = await loading;
      reply.headers(headersFor(originOf(request, publicUrl, 'ws')));
      if (files === undefined) return reply.code(404).type('text/plain; charset=utf-8').send(NOT_BUILT);
      const file = files.get(path);
      if (file === undefined) return reply.callNotFound();
      const isHashed = path.startsWith('assets/');
      reply
        .header('cache-control', isHashed ? 'public, max-age=31536000, immutable' : 'no-cache')
        .header('etag', file.etag)
        .header('vary', 'accept-encoding')
        .type(file.type);
      if (request.headers['if-none-match'] === file.etag) return reply.code(304).send();
      const wanted = String(request.headers['accept-encoding'] ?? '');
      const encoding = ['br', 'gzip'].find((one) => file.bodies.has(one) && accepts(wanted, one)) ?? '';
      if (encoding !== '') reply.header('content-encoding', encoding);
      return reply.send(file.bodies.get(encoding));
    };
    app.get('/', (request, reply) => send(request, reply, 'index.html'));
    app.get('/assets/*', (request: FastifyRequest<{ Params: { '*': string } }>, reply) =>
      send(request, reply, `assets/${request.params['*']}`),
    );
  };
}

/** What the page may do: speak to us, hear, and nothing else. */
function headersFor(ownWebSockets: string): Readonly<Record<string, string>> {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    `connect-src 'self' ${ownWebSockets}`,
    "media-src 'self' blob:",
    "img-src 'self' data:",
    "font-src 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "require-trusted-types-for 'script'",
  ];
  return {
    'content-security-policy': policy.join('; '),
    'permissions-policy': 'microphone=(self), camera=(), geolocation=(), display-capture=()',
  };
}

async function load(folder: string): Promise<ReadonlyMap<string, PageFile>> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = new Map<string, PageFile>();
  for (const entry of names) {
    if (!entry.isFile() || /\.(br|gz)$/.test(entry.name)) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(
      path
        .slice(folder.length + 1)
        .split(sep)
        .join('/'),
      await readPageFile(path),
    );
  }
  return files;
}

async function readPageFile(path: string): Promise<PageFile> {
  const plain = await readFile(path);
  const bodies = new Map<string, Buffer>([['', plain]]);
  if (COMPRESSIBLE.has(extname(path))) {
    bodies.set('br', await (existsSync(`${path}.br`) ? readFile(`${path}.br`) : brotli(plain)));
    bodies.set('gzip', await (existsSync(`${path}.gz`) ? readFile(`${path}.gz`) : promisify(gzip)(plain)));
  }
  const etag = `"${createHash('sha256').update(plain).digest('base64url').slice(0, 22)}"`;
  return { type: TYPES[extname(path)] ?? 'application/octet-stream', etag, bodies };
}

/** Not the best there is, which takes seconds. */
function brotli(bytes: Buffer): Promise<Buffer> {
  return promisify(brotliCompress)(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 6 } });
}

function accepts(header: string, encoding: string): boolean {
  return header.split(',').some((one) => {
    const [name = '', ...parameters] = one
      .trim()
      .toLowerCase()
      .split(/\s*;\s*/);
    return name === encoding && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}
