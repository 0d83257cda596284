/** Who is signed in. Sessions are in memory: a restart ends them, and what is in the data folder opens nothing. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock, Timer } from '../../clock.ts';

export interface Session {
  readonly csrfToken: string;
  /** Aborts when it has ended, whyever. */
  readonly ended: AbortSignal;
  /** Somebody is there: its idle time begins anew. */
  touch(): void;
  /** Whether this is its CSRF token. */
  allows(csrfToken: string): boolean;
  end(): void;
}

export interface Sessions {
  /** `token` is what its cookie holds. Ends the session that was idle for longest when there are too many. */
  begin(): { readonly token: string; readonly session: Session };
  /** The session of a cookie, if it has not ended. Touches it. */
  find(token: string): Session | undefined;
  /** Ends every one. */
  close(): void;
}

export interface SessionTimes {
  readonly lifetimeMs: number;
  /** Without a request, and without events being read. */
  readonly idleMs: number;
}

export const SESSION_TIMES: SessionTimes = { lifetimeMs: 12 * 3_600_000, idleMs: 3_600_000 };
const MOST = 100;
const BYTES = 32;

export function openSessions(clock: Clock, { lifetimeMs, idleMs }: SessionTimes = SESSION_TIMES): Sessions {
  /** By the hash of their token: how long a look-up takes tells nothing of it. The one that was touched last is the last. */
  const sessions = new Map<string, Session>();

  const begin = (name: string): Session => {
    const ended = new AbortController();
    const csrf = randomBytes(BYTES);
    const over = clock.now() + lifetimeMs;
    let touchedAt = clock.now();
    let timer: Timer;
    const sleep = () => {
      timer = clock.after(Math.min(over, touchedAt + idleMs) - clock.now(), () => {
        if (clock.now() >= Math.min(over, touchedAt + idleMs)) session.end();
        else sleep();
      });
    };
    const session: Session = {
      csrfToken: csrf.toString('base64url'),
      ended: ended.signal,
      touch() {
        touchedAt = clock.now();
        if (!sessions.delete(name)) return;
        sessions.set(name, session);
      },
      allows(given) {
        const bytes = Buffer.from(given, 'base64url');
        return bytes.length === csrf.length && timingSafeEqual(bytes, csrf);
      },
      end() {
        timer.cancel();
        sessions.delete(name);
        ended.abort();
      },
    };
    sleep();
    sessions.set(name, session);
    return session;
  };

  return {
    begin() {
      if (sessions.size >= MOST) sessions.values().next().value?.end();
      const token = randomBytes(BYTES).toString('base64url');
      return { token, session: begin(nameOf(token)) };
    },
    find(token) {
      const session = sessions.get(nameOf(token));
      session?.touch();
      return session;
    },
    close() {
      for (const session of [...sessions.values()]) session.end();
    },
  };
}

function nameOf(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}
