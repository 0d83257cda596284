/**
 * `/recordings/{id}`: a recording for who has its token. Finished, it is a file with ranges, conditions and digests; while it
 * is being recorded, a stream in step with the call.
 */
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { decodeJwt } from 'jose';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { RecordingLibrary } from '../recording/library.ts';
import { type Access, auditAccess } from './audit.ts';
import {
  disownFile,
  type ReadableRecording,
  readable,
  removeRecording,
  sendRecording,
} from './recording-answers.ts';

export interface RecordingRoutesOptions {
  readonly recordings: Pick<RecordingLibrary, 'open' | 'authorize' | 'delete'>;
  /** Sends an error in the API's one shape; headers that were set go with it. */
  readonly sendError: (reply: FastifyReply, status: number, code: string, message: string) => unknown;
  /** Gets the audit. */
  readonly log: Log;
  readonly clock: Clock;
}

type Admitted = { readonly recording: ReadableRecording; readonly access: Access };
type Request = FastifyRequest<{ Params: { id: string } }>;

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
      const access = auditAccess(request, reply, { tokenOf: decodeJwt(token).sub }, log);
      if (verdict === 'otherRecording') {
        reply.header('www-authenticate', 'Bearer realm="recordings", error="insufficient_scope"');
        refuse(reply, 403, '7504', 'The access token is that of another recording.');
        return undefined;
      }
      const recording = readable(await recordings.open(request.params.id), reply, { access, refuse });
      return recording && { recording, access };
    };

    const read = async (request: Request, reply: FastifyReply) => {
      const admitted = await admit(request, reply);
      if (admitted === undefined) return reply;
      const { recording, access } = admitted;
      return sendRecording(recording, request, reply, { access, refuse, clock });
    };

    const remove = async (request: Request, reply: FastifyReply) => {
      const admitted = await admit(request, reply);
      if (admitted === undefined) return reply;
      const { recording } = admitted;
      return removeRecording(recording, request, reply, {
        remove: () => recordings.delete(request.params.id),
        refuse,
      });
    };

    server.route<{ Params: { id: string } }>({
      method: ['GET', 'HEAD'],
      url: '/recordings/:id',
      handler: read,
      errorHandler: disownFile,
    });
    server.delete<{ Params: { id: string } }>('/recordings/:id', remove);
  };
}

/** RFC 6750 §2.1. */
function bearerToken(authorization: string | undefined): string | undefined {
  return /^Bearer +([A-Za-z0-9\-._~+/]+=*) *$/i.exec(authorization ?? '')?.[1];
}
