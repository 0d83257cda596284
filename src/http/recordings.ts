/**
 * `/recordings/{id}`: a recording for who has its token. Finished, it is a file with ranges, conditions and digests; while it
 * is being recorded, a stream in step with the call.
 */
import { Readable } from 'node:stream';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { OpenRecording, RecordingLibrary } from '../recording/library.ts';
import { type Access, auditAccess } from './audit.ts';
import { paced } from './paced.ts';
import { judge, rangeOf } from './preconditions.ts';

export interface RecordingRoutesOptions {
  readonly recordings: Pick<RecordingLibrary, 'open' | 'authorize' | 'delete'>;
  /** Sends an error in the API's one shape; headers that were set go with it. */
  readonly sendError: (reply: FastifyReply, status: number, code: string, message: string) => unknown;
  /** Gets the audit. */
  readonly log: Log;
  readonly clock: Clock;
}

/** A reader takes 64 kB within it, or has left without saying so. */
const PATIENCE_MS = 60_000;

type Finished = Extract<OpenRecording, { state: 'finished' }>;
type Growing = Extract<OpenRecording, { state: 'recording' }>;
type Admitted = { readonly recording: Finished | Growing; readonly access: Access };
type Request = FastifyRequest<{ Params: { id: string } }>;

const GONE = 'The recording is gone: it was deleted, or its retention is over.';
const GROWING = 'The recording is still being made: delete it when it has ended.';
const WAITING = 'The disk has refused the finished file so far; it is tried again.';
const CHANGED = 'The recording is not the one that the conditions of the request ask for.';

/** GET, HEAD and DELETE of a recording. Who has no good token learns nothing, not even whether there is such a recording. */
export function recordingRoutes(options: RecordingRoutesOptions): FastifyPluginAsync {
  const { recordings, sendError, log, clock } = options;
  return async (server) => {
    const refuse = (reply: FastifyReply, status: number, code: string, message: string) => {
      sendError(reply, status, code, message);
      return reply;
    };

    /** The recording that the request may have, and its entry in the audit; else `undefined`, and the request is answered. */
    const admit = async (request: Request, reply: FastifyReply): Promise<Admitted | undefined> => {
      reply.header('cache-control', 'private, no-store');
      const token = bearerToken(request.headers.authorization);
      const verdict = token === undefined ? 'invalid' : await recordings.authorize(request.params.id, token);
      if (verdict === 'invalid' || token === undefined) {
        const error = token === undefined ? '' : ', error="invalid_token"';
        reply.header('www-authenticate', `Bearer realm="recordings"${error}`);
        const message =
          token === undefined
            ? "The recording's access token is missing: send it as Authorization: Bearer."
            : 'The access token is not valid, or it has expired.';
        refuse(reply, 401, 'InvalidAuthenticationToken', message);
        return undefined;
      }
      const access = auditAccess(request, reply, token, log);
      if (verdict === 'otherRecording') {
        reply.header('www-authenticate', 'Bearer realm="recordings", error="insufficient_scope"');
        refuse(reply, 403, '7504', 'The access token is that of another recording.');
        return undefined;
      }
      const recording = await recordings.open(request.params.id);
      if (recording.state !== 'unknown') access.applicationId = recording.applicationId;
      access.live = recording.state === 'recording';
      if (recording.state === 'finished' || recording.state === 'recording') return { recording, access };
      if (recording.state === 'waiting') {
        reply.header('retry-after', Math.ceil(recording.retryInMs / 1000));
        refuse(reply, 503, 'ServiceUnavailable', WAITING);
      } else if (recording.state === 'gone') refuse(reply, 410, 'ResourceGone', GONE);
      else refuse(reply, 404, 'ResourceNotFound', 'There is no such recording.');
      return undefined;
    };

    const read = async (request: Request, reply: FastifyReply) => {
      const admitted = await admit(request, reply);
      if (admitted === undefined) return reply;
      const { recording, access } = admitted;
      reply.header('content-type', recording.contentType);
      reply.header('content-disposition', `attachment; filename="${recording.fileName}"`);
      return recording.state === 'recording'
        ? sendGrowing(recording, access, request, reply)
        : sendFinished(recording, access, request, reply);
    };

    /** As fast as it is taken, and no longer. */
    const bodyOf = (source: AsyncIterable<Uint8Array>, access: Access, reply: FastifyReply) =>
      Readable.from(
        paced(source, {
          clock,
          patienceMs: PATIENCE_MS,
          onStall: () => reply.raw.destroy(),
          onPiece: (bytes) => {
            access.bytes += bytes;
          },
        }),
        { objectMode: false },
      );

    /** Its length is not known: chunked, without ranges or validators. */
    const sendGrowing = (recording: Growing, access: Access, request: Request, reply: FastifyReply) => {
      reply.header('accept-ranges', 'none');
      if (request.method === 'HEAD') return reply.send();
      const gone = new AbortController();
      // The reader may leave while nothing is being sent: nobody would notice by writing.
      reply.raw.once('close', () => gone.abort());
      return reply.send(bodyOf(recording.follow(gone.signal), access, reply));
    };

    const sendFinished = async (
      recording: Finished,
      access: Access,
      request: Request,
      reply: FastifyReply,
    ) => {
      const { bytes } = recording;
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
      const body = bodyOf(recording.read(start, end), access, reply);
      if (range.kind === 'part')
        reply.code(206).header('content-range', `bytes ${start}-${end - 1}/${bytes}`);
      return reply.header('content-length', end - start).send(body);
    };

    const remove = async (request: Request, reply: FastifyReply) => {
      const admitted = await admit(request, reply);
      if (admitted === undefined) return reply;
      const { recording } = admitted;
      if (recording.state === 'recording') return refuse(reply, 409, '8519', GROWING);
      if (judge('DELETE', request.headers, validatorsOf(recording)) !== 'go')
        return refuse(reply, 412, 'PreconditionFailed', CHANGED);
      return (await recordings.delete(request.params.id))
        ? reply.code(204).send()
        : refuse(reply, 410, 'ResourceGone', GONE);
    };

    // A body that breaks before anything of it was sent: it may be a file that is gone, or was tampered with.
    server.setErrorHandler((error, _request, reply) => {
      undescribe(reply);
      for (const name of ['accept-ranges', 'content-range', 'etag', 'last-modified'])
        reply.removeHeader(name);
      // On to who answers for the whole server.
      throw error;
    });
    server.route<{ Params: { id: string } }>({
      method: ['GET', 'HEAD'],
      url: '/recordings/:id',
      handler: read,
    });
    server.delete<{ Params: { id: string } }>('/recordings/:id', remove);
  };
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

/** RFC 6750 §2.1. */
function bearerToken(authorization: string | undefined): string | undefined {
  return /^Bearer +([A-Za-z0-9\-._~+/]+=*) *$/i.exec(authorization ?? '')?.[1];
}
