/** How a recording is given to who may have it, and taken away: finished, a file with ranges, conditions and digests; growing, a stream. */
import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../clock.ts';
import type { OpenRecording } from '../recording/library.ts';
import type { Access } from './audit.ts';
import { paced } from './paced.ts';
import { judge, rangeOf } from './preconditions.ts';

type Finished = Extract<OpenRecording, { state: 'finished' }>;
type Growing = Extract<OpenRecording, { state: 'recording' }>;
export type ReadableRecording = Finished | Growing;

/** Sends an error in the shape of whoever asks. */
export type Refuse = (reply: FastifyReply, status: number, code: string, message: string) => FastifyReply;

interface Answering {
  readonly access: Access;
  readonly refuse: Refuse;
  readonly clock: Clock;
}

/** A reader takes 64 kB within it, or has left without saying so. */
const PATIENCE_MS = 60_000;

const GONE = 'The recording is gone: it was deleted, or its retention is over.';
const GROWING = 'The recording is still being made: delete it when it has ended.';
const WAITING = 'The disk has refused the finished file so far; it is tried again.';
const CHANGED = 'The recording is not the one that the conditions of the request ask for.';

/** The recording when there is something to read of it; else `undefined`, and the request is answered. */
export function readable(
  recording: OpenRecording,
  reply: FastifyReply,
  { access, refuse }: Pick<Answering, 'access' | 'refuse'>,
): ReadableRecording | undefined {
  if (recording.state !== 'unknown') access.applicationId = recording.applicationId;
  access.live = recording.state === 'recording';
  if (recording.state === 'finished' || recording.state === 'recording') return recording;
  if (recording.state === 'waiting') {
    reply.header('retry-after', Math.ceil(recording.retryInMs / 1000));
    refuse(reply, 503, 'ServiceUnavailable', WAITING);
  } else if (recording.state === 'gone') refuse(reply, 410, 'ResourceGone', GONE);
  else refuse(reply, 404, 'ResourceNotFound', 'There is no such recording.');
  return undefined;
}

/** Answers GET and HEAD. */
export function sendRecording(
  recording: ReadableRecording,
  request: FastifyRequest,
  reply: FastifyReply,
  answering: Answering,
): FastifyReply {
  nameFile(reply, recording);
  return recording.state === 'recording'
    ? sendGrowing(recording, request, reply, answering)
    : sendFinished(recording, request, reply, answering);
}

/** Answers DELETE. */
export async function removeRecording(
  recording: ReadableRecording,
  request: FastifyRequest,
  reply: FastifyReply,
  { remove, refuse }: { readonly remove: () => Promise<boolean>; readonly refuse: Refuse },
): Promise<FastifyReply> {
  if (recording.state === 'recording') return refuse(reply, 409, '8519', GROWING);
  if (judge('DELETE', request.headers, validatorsOf(recording)) !== 'go')
    return refuse(reply, 412, 'PreconditionFailed', CHANGED);
  return (await remove()) ? reply.code(204).send() : refuse(reply, 410, 'ResourceGone', GONE);
}

/** What the file is, and that it is to be saved under its name. */
export function nameFile(
  reply: FastifyReply,
  { contentType, fileName }: { readonly contentType: string; readonly fileName: string },
): void {
  reply.header('content-type', contentType);
  reply.header('content-disposition', `attachment; filename="${fileName}"`);
}

/** As fast as it is taken, and no longer. */
export function bodyOf(
  source: AsyncIterable<Uint8Array>,
  reply: FastifyReply,
  { access, clock }: Pick<Answering, 'access' | 'clock'>,
): Readable {
  const pace = {
    clock,
    patienceMs: PATIENCE_MS,
    onStall: () => reply.raw.destroy(),
    onPiece: (bytes: number) => {
      access.bytes += bytes;
    },
  };
  return Readable.from(paced(source, pace), { objectMode: false });
}

/** Its length is not known: chunked, without ranges or validators. */
function sendGrowing(recording: Growing, request: FastifyRequest, reply: FastifyReply, answering: Answering) {
  reply.header('accept-ranges', 'none');
  if (request.method === 'HEAD') return reply.send();
  const gone = new AbortController();
  // The reader may leave while nothing is being sent: nobody would notice by writing.
  reply.raw.once('close', () => gone.abort());
  return reply.send(bodyOf(recording.follow(gone.signal), reply, answering));
}

function sendFinished(
  recording: Finished,
  request: FastifyRequest,
  reply: FastifyReply,
  answering: Answering,
) {
  const { bytes } = recording;
  const { refuse } = answering;
  const validators = describe(recording, reply);
  const verdict = judge(request.method, request.headers, validators);
  if (verdict === 'failed') return refuse(undescribe(reply), 412, 'PreconditionFailed', CHANGED);
  if (verdict === 'notModified')
    return reply.removeHeader('content-type').removeHeader('content-disposition').code(304).send();
  if (request.method === 'HEAD') return reply.header('content-length', bytes).send();
  const range = rangeOf(request.headers, bytes, validators);
  if (range.kind === 'unsatisfiable') {
    undescribe(reply).header('content-range', `bytes */${bytes}`);
    return refuse(reply, 416, 'RangeNotSatisfiable', `The recording has ${bytes} bytes.`);
  }
  const { start, end } = range.kind === 'part' ? range : { start: 0, end: bytes };
  const body = bodyOf(recording.read(start, end), reply, answering);
  if (range.kind === 'part') reply.code(206).header('content-range', `bytes ${start}-${end - 1}/${bytes}`);
  return reply.header('content-length', end - start).send(body);
}

function validatorsOf({ sha256, lastModified }: Finished) {
  return { etag: `"${sha256}"`, lastModified };
}

/** Sets what GET and HEAD tell of the file. The digest is that of the whole file, whatever part is sent (RFC 9530 §3). */
function describe(recording: Finished, reply: FastifyReply) {
  const validators = validatorsOf(recording);
  const digest = Buffer.from(recording.sha256, 'hex').toString('base64');
  reply
    .header('accept-ranges', 'bytes')
    .header('etag', validators.etag)
    .header('last-modified', validators.lastModified.toUTCString())
    .header('repr-digest', `sha-256=:${digest}:`)
    // RFC 3230's, which RFC 9530 made obsolete: for clients that know no other.
    .header('digest', `sha-256=${digest}`);
  return validators;
}

/** What is about the file is not about an error. */
function undescribe(reply: FastifyReply): FastifyReply {
  for (const name of ['content-type', 'content-disposition', 'repr-digest', 'digest'])
    reply.removeHeader(name);
  return reply;
}

/**
 * Answers for a route that sends files when a body breaks before anything of it was sent, since the file is gone or was tampered with: takes
 * back all that was said of it, and gives the error to whoever answers for the server.
 */
export function disownFile(error: unknown, _request: FastifyRequest, reply: FastifyReply): never {
  undescribe(reply);
  for (const name of ['accept-ranges', 'content-range', 'etag', 'last-modified']) reply.removeHeader(name);
  throw error;
}
