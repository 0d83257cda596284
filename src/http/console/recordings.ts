/** `/console/recordings…`: what there is, its audio, in other formats too, and taking it away. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { atMost } from '../../at-most.ts';
import type { ApplicationDirectory } from '../../call/application.ts';
import type { Clock } from '../../clock.ts';
import { TonearmError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import { FORMATS, type RecordingFormat } from '../../recording/formats.ts';
import type { RecordingArchive, RecordingLibrary, RecordingSummary } from '../../recording/library.ts';
import { type Access, auditAccess } from '../audit.ts';
import {
  bodyOf,
  disownFile,
  nameFile,
  readable,
  removeRecording,
  sendRecording,
} from '../recording-answers.ts';
import { refuse } from './guard.ts';
import { pageIn } from './paging.ts';
import type { Paged, RecordingRow } from './wire.ts';

export interface RecordingRoutesOptions extends RowParts {
  readonly recordings: Pick<RecordingLibrary, 'open' | 'delete'> & RecordingArchive;
  /** Gets the audit. */
  readonly log: Log;
  readonly clock: Clock;
}

/** What a row is made of besides the recording itself. */
export interface RowParts {
  readonly applications: ApplicationDirectory;
  /** How the operation that made it ended, as its bot was told; nothing while it runs, or when it is forgotten. */
  readonly endingOf: (
    callId: string,
    operationId: string,
  ) => Promise<{ readonly ending?: string; readonly endReport?: unknown }>;
}

interface Filter {
  readonly application?: string;
  readonly state?: string;
  readonly call?: string;
}

type Listing = FastifyRequest<{ Querystring: Filter & { top?: string; skip?: string } }>;
type OfRecording = FastifyRequest<{ Params: { id: string }; Querystring: { format?: string } }>;

const ALL_FORMATS = Object.keys(FORMATS) as readonly RecordingFormat[];

export function recordingRoutes(app: FastifyInstance, options: RecordingRoutesOptions): void {
  const { recordings, log, clock } = options;
  // All of them are looked at each time: one look at a time.
  const inTurn = atMost(1);

  app.get('/console/recordings', async ({ query }: Listing): Promise<Paged<RecordingRow>> => {
    const found = await inTurn(() => matching(recordings, query));
    found.sort((a, b) => timeOf(b) - timeOf(a));
    const page = pageIn(found, query);
    return { total: found.length, rows: await Promise.all(page.map((one) => rowOf(one, options))) };
  });

  /** The recording as it may be read, and its entry in the audit; else `undefined`, and the request is answered. */
  const open = async (request: OfRecording, reply: FastifyReply) => {
    const access = auditAccess(request, reply, { by: 'console' }, log);
    const recording = readable(await recordings.open(request.params.id), reply, { access, refuse });
    return recording && { recording, access };
  };

  app.route<{ Params: { id: string }; Querystring: { format?: string } }>({
    method: ['GET', 'HEAD'],
    url: '/console/recordings/:id/content',
    errorHandler: disownFile,
    handler: async (request, reply) => {
      const opened = await open(request, reply);
      if (opened === undefined) return reply;
      const { recording, access } = opened;
      const { format } = request.query;
      if (format !== undefined && !isFormat(format))
        return refuse(reply, 400, 'badRequest', `format must be one of ${ALL_FORMATS.join(', ')}.`);
      return format === undefined || recording.contentType === FORMATS[format].contentType
        ? sendRecording(recording, request, reply, { access, refuse, clock })
        : sendConverted(request, reply, format, access);
    },
  });

  const sendConverted = async (
    { params }: OfRecording,
    reply: FastifyReply,
    format: RecordingFormat,
    access: Access,
  ): Promise<FastifyReply> => {
    try {
      const converted = await recordings.convert(params.id, format);
      reply.raw.once('close', () => void converted.close());
      // The reader may have left meanwhile.
      if (reply.raw.destroyed) await converted.close();
      nameFile(reply, converted);
      reply.header('accept-ranges', 'none').header('content-length', converted.bytes);
      return reply.send(bodyOf(converted.read(), reply, { access, clock }));
    } catch (thrown) {
      if (!(thrown instanceof TonearmError)) throw thrown;
      if (thrown.code === 'tooBusy')
        return refuse(reply.header('retry-after', 10), 503, 'unavailable', thrown.message);
      if (thrown.code === 'notConvertible') return refuse(reply, 409, 'notConvertible', thrown.message);
      throw thrown;
    }
  };

  app.delete('/console/recordings/:id', async (request: OfRecording, reply) => {
    const opened = await open(request, reply);
    if (opened === undefined) return reply;
    const remove = () => recordings.delete(request.params.id);
    return removeRecording(opened.recording, request, reply, { remove, refuse });
  });
}

/** A recording as the page shows it. */
export async function rowOf(
  summary: RecordingSummary,
  { applications, endingOf }: RowParts,
): Promise<RecordingRow> {
  const { recordingId: id, callId, operationId, applicationId, state, format } = summary;
  const { bytes, durationMs, preparedAt: beganAt, finishedAt } = summary;
  const applicationName = applicationId === undefined ? undefined : applications.get(applicationId)?.name;
  return {
    ...{ id, callId, operationId, state, format, downloads: downloadsOf(summary) },
    ...defined({ applicationId, applicationName, bytes, durationMs, beganAt, finishedAt }),
    ...(await endingOf(callId, operationId)),
  };
}

function downloadsOf({ state, format }: RecordingSummary): readonly string[] {
  if (state === 'gone') return [];
  // What grows is to be had as a WAV, whatever it will become.
  if (state === 'recording') return ['wav'];
  return format === 'wav' ? ALL_FORMATS : [format];
}

async function matching(
  recordings: RecordingArchive,
  { application, state, call }: Filter,
): Promise<RecordingSummary[]> {
  const found: RecordingSummary[] = [];
  // What is asked for twice is an array.
  const fits = (wanted: unknown, value: string | undefined) =>
    wanted === undefined || wanted === '' || String(wanted).toLowerCase() === value;
  for await (const one of recordings.list())
    if (fits(application, one.applicationId) && fits(state, one.state) && fits(call, one.callId))
      found.push(one);
  return found;
}

/** Those of earlier versions are only known by their end. */
function timeOf({ preparedAt, finishedAt }: RecordingSummary): number {
  return preparedAt ?? finishedAt ?? 0;
}

function isFormat(text: string): text is RecordingFormat {
  return Object.hasOwn(FORMATS, text);
}

type Defined<T> = { [Name in keyof T]?: Exclude<T[Name], undefined> };

function defined<T extends object>(members: T): Defined<T> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Defined<T>;
}
