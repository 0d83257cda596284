/** The console on a stage: its real routes beside the real calls API and real recordings, by inject; traces are filled by the test. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { InjectOptions, LightMyRequestResponse } from 'fastify';
import { callsPathOf } from '../../src/graph/dialects.ts';
import { type AdminSecret, openAdminSecret } from '../../src/http/console/admin-secret.ts';
import { type ConsoleOptions, consoleRoutes } from '../../src/http/console/console.ts';
import { rowOf } from '../../src/http/console/recordings.ts';
import { openSessions } from '../../src/http/console/sessions.ts';
import { openTraces } from '../../src/http/console/trace-store.ts';
import { openWatchers } from '../../src/http/console/watchers.ts';
import type { CallRow, Health, Session } from '../../src/http/console/wire.ts';
import { silentLog } from '../../src/log.ts';
import { BOT, CALL_ID, OTHER_BOT, setApiStage } from './api-stage.ts';
import { directoryOf } from './directory.ts';
import { stageRecordings } from './recordings.ts';

/** Where the staged server is reached. */
export const HOME = 'http://127.0.0.1:8080';

export const HEALTH: Health = {
  at: 0,
  ready: true,
  calls: 1,
  recordingsLive: 0,
  packetsPerSecond: 0,
  cpu: 0,
  residentBytes: 1,
  diskFreeBytes: 1,
  outboxPending: 0,
  outboxUndelivered: 0,
  uptimeSeconds: 1,
};

export const callRow = (changes: Partial<CallRow> = {}): Omit<CallRow, 'hasErrors'> => ({
  id: CALL_ID,
  applicationId: BOT.id,
  applicationName: BOT.name,
  direction: 'incoming',
  state: 'established',
  caller: '+14255550123',
  callee: 'sip:voicemail@example.com',
  createdAt: 0,
  ...changes,
});

export type ConsoleStage = Awaited<ReturnType<typeof setConsoleStage>>;

/** Everything is closed and removed when the test ends. */
export async function setConsoleStage(t: TestContext, changes: Partial<ConsoleOptions> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'tonearm-console-'));
  const archive = await stageRecordings({ onChange: (id) => watchers.recording(id) });
  const { clock, recordings } = archive;
  const audit: Record<string, unknown>[] = [];
  const log = { ...silentLog, info: (fields: object) => void audit.push({ ...fields }) };
  const sessions = openSessions(clock);
  const secret: AdminSecret = await openAdminSecret(folder, { clock, log, changed: () => sessions.close() });
  const applications = directoryOf([BOT, OTHER_BOT]);
  const traces = openTraces({ clock });
  const endingOf: ConsoleOptions['endingOf'] = async () => ({
    ending: 'stopToneDetected',
    endReport: { rule: 'stopTone' },
  });
  let health = HEALTH;
  const watchers = openWatchers({
    health: async () => health,
    rowOf: async (id) => {
      const summary = await recordings.summary(id);
      return summary && rowOf(summary, { applications, endingOf });
    },
    clock,
    log,
  });
  const options: ConsoleOptions = {
    ...{ sessions, secret, applications, traces, watchers, recordings, endingOf, clock, log },
    publicUrl: HOME,
    version: '1.2.3',
    iceServers: [{ urls: 'stun:stun.example:3478' }],
    isBuiltIn: (id) => id === OTHER_BOT.id,
    issue: (application) => api.tokens.issue(application),
    callsPath: ({ dialect }) => callsPathOf(dialect),
    notifier: { undelivered: async () => ({ total: 0, page: [] }), resend: async () => false },
    health: async () => health,
    pageFolder: join(folder, 'page'),
    ...changes,
  };
  const api = await setApiStage({ after: [consoleRoutes(options)] });
  t.after(async () => {
    await api.app.close();
    secret.close();
    await archive.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const ask = (
    method: string,
    path: string,
    headers: Readonly<Record<string, string>> = {},
    body?: unknown,
  ): Promise<LightMyRequestResponse> =>
    api.app.inject({
      method: method as NonNullable<InjectOptions['method']>,
      url: path,
      headers: {
        host: '127.0.0.1:8080',
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { payload: JSON.stringify(body) }),
    });
  const signIn = async (given = secret.fresh) => ask('POST', '/console/sign-in', {}, { secret: given });
  /** The headers of somebody who is signed in. */
  const signedIn = async () => {
    const answer = await signIn();
    const cookie = String(answer.headers['set-cookie']).split(';')[0] ?? '';
    const { csrfToken } = (await ask('GET', '/console/session', { cookie })).json<Session>();
    return { cookie, 'x-csrf-token': csrfToken };
  };

  return {
    ...{ api, archive, audit, clock, folder, recordings, secret, sessions, traces, watchers },
    ...{ ask, signIn, signedIn },
    /** What the health is from now on. */
    setHealth(next: Health) {
      health = next;
    },
  };
}
