/** Who read and deleted which recording: one line of the log for each request of somebody who may (docs/security.md). */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Log } from '../log.ts';

/** A request as it is known so far; filled in while it is answered, and logged when it is over. */
export interface Access {
  readonly recordingId: string;
  /** Whose recording it is; `undefined` when that is not known, or not to be known. */
  applicationId: string | undefined;
  /** Bytes of the body that were handed to the connection. */
  bytes: number;
  /** Whether the recording was still being made. */
  live: boolean;
}

/** By the token of a recording, perhaps of another one; or from the console. */
export type Who = { readonly tokenOf: string | undefined } | { readonly by: 'console' };

/** Logs the access when the answer is out, or the reader is gone. */
export function auditAccess(request: FastifyRequest, reply: FastifyReply, who: Who, log: Log): Access {
  const { id } = request.params as { readonly id: string };
  const access: Access = { recordingId: id.toLowerCase(), applicationId: undefined, bytes: 0, live: false };
  let isOut = false;
  reply.raw.once('finish', () => {
    isOut = true;
  });
  reply.raw.once('close', () => {
    const status = reply.raw.statusCode;
    const { range } = request.headers;
    log.info(
      {
        event: request.method === 'DELETE' ? 'recordingDeleted' : 'recordingRead',
        outcome: status >= 400 ? 'refused' : isOut ? 'done' : 'brokenOff',
        status,
        method: request.method,
        ...access,
        ...who,
        remote: request.ip,
        ...(range !== undefined && { range: range.slice(0, 100) }),
        requestId: request.id,
      },
      'audit',
    );
  });
  return access;
}
