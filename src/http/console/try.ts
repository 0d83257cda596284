/** Trying the API out on a live call: the request goes to the very route that the bot's would, with a token of its application. */
import type { FastifyInstance } from 'fastify';
import type { Application, ApplicationDirectory } from '../../call/application.ts';
import { maskedHeaders, maskedJson } from './masks.ts';
import type { CallRow, Tried, Try } from './wire.ts';

export interface TryOptions {
  readonly applications: ApplicationDirectory;
  /** A new access token of an application. */
  readonly issue: (application: Application) => Promise<{ readonly token: string }>;
  /** The path that calls of an application are under. */
  readonly callsPath: (application: Application) => string;
  readonly publicUrl: string;
}

/** Names of actions, and nothing that would lead elsewhere: a segment of dots alone is a way up (RFC 3986 §5.2.4). */
const ACTION = /^(?=.{1,80}$)[A-Za-z]+(?:\.[A-Za-z]+)*$/;
/** Said by the connection, not by the API. */
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'date', 'transfer-encoding']);

/** Both sides of what was tried; `undefined`: what was asked makes no sense, or the application is gone. */
export async function tryOut(
  app: FastifyInstance,
  call: CallRow,
  asked: unknown,
  { applications, issue, callsPath, publicUrl }: TryOptions,
): Promise<Tried | undefined> {
  const { method, action, body } = Object(asked) as Partial<Try>;
  const application = applications.get(call.applicationId);
  if (application === undefined || (method !== 'POST' && method !== 'DELETE')) return undefined;
  if (action !== undefined && (typeof action !== 'string' || !ACTION.test(action))) return undefined;
  const path = `${callsPath(application)}/${call.id}${action === undefined ? '' : `/${action}`}`;
  const { token } = await issue(application);
  const headers = {
    authorization: `Bearer ${token}`,
    ...(body !== undefined && { 'content-type': 'application/json' }),
  };
  const answer = await app.inject({
    method,
    url: path,
    headers,
    ...(body !== undefined && { payload: JSON.stringify(body) }),
  });
  const told = Object.entries(answer.headers).filter(([name]) => !HOP_BY_HOP.has(name));
  return {
    request: {
      method,
      url: publicUrl + path,
      headers: maskedHeaders(headers),
      ...(body !== undefined && { body: maskedJson(body) }),
    },
    response: {
      status: answer.statusCode,
      headers: Object.fromEntries(told.map(([name, value]) => [name, String(value)])),
      ...(answer.payload !== '' && { body: readable(answer.payload) }),
    },
  };
}

/** As JSON where it is. */
function readable(payload: string): unknown {
  try {
    return maskedJson(JSON.parse(payload));
  } catch {
    return payload;
  }
}
