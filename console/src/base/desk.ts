import type { ConsoleError, Session } from '../../../src/http/console/wire.ts';

/** What the server refused, in its own words. */
export class DeskError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'DeskError';
    this.status = status;
  }
}

/** Talks to `/console/…` of the server that the page came from. Rejects with DeskError. */
export interface Desk {
  readonly session: Session;
  get<Answer>(path: string, signal?: AbortSignal): Promise<Answer>;
  /** Whatever changes something. */
  send<Answer>(method: 'POST' | 'DELETE', path: string, body?: unknown): Promise<Answer>;
}

/** `undefined`: nobody is signed in. */
export async function fetchSession(): Promise<Session | undefined> {
  try {
    return await ask<Session>('session');
  } catch (thrown) {
    if (thrown instanceof DeskError && thrown.status === 401) return undefined;
    throw thrown;
  }
}

export function signIn(secret: string): Promise<void> {
  return ask('sign-in', withBody('POST', { secret }));
}

/** `onSignedOut` is called whenever the server does not know the session any more. */
export function openDesk(session: Session, onSignedOut: () => void): Desk {
  const asked = <Answer>(path: string, init?: RequestInit) =>
    ask<Answer>(path, init).catch((thrown) => {
      if (thrown instanceof DeskError && thrown.status === 401) onSignedOut();
      throw thrown;
    });
  return {
    session,
    get: (path, signal) => asked(path, signal && { signal }),
    send: (method, path, body) => {
      const init = withBody(method, body);
      return asked(path, { ...init, headers: { ...init.headers, 'x-csrf-token': session.csrfToken } });
    },
  };
}

/** An error in words, whatever was thrown. */
export function wordsOf(thrown: unknown): string {
  if (thrown instanceof DeskError) return thrown.message;
  if (thrown instanceof TypeError) return 'The server cannot be reached.';
  return thrown instanceof Error ? thrown.message : String(thrown);
}

function withBody(method: string, body?: unknown) {
  if (body === undefined) return { method, headers: {} };
  return { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

async function ask<Answer>(path: string, init?: RequestInit): Promise<Answer> {
  const response = await fetch(`console/${path}`, { ...init, cache: 'no-store' });
  if (!response.ok) throw new DeskError(response.status, await refusal(response));
  const text = await response.text();
  return (text === '' ? undefined : JSON.parse(text)) as Answer;
}

async function refusal(response: Response): Promise<string> {
  const said = (await response.json().catch(() => undefined)) as Partial<ConsoleError> | undefined;
  return said?.error?.message ?? `The server answered ${response.status} ${response.statusText}.`;
}
