/** The web console, put together: its secret, who is signed in, who looks, and what its routes need of the other parts. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyPluginAsync } from 'fastify';
import type { Application, ApplicationDirectory } from './call/application.ts';
import { type OperationRecord, operationKey } from './call/journal.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import { iceServersFor } from './config-ice-servers.ts';
import { callsPathOf } from './graph/dialects.ts';
import { completion } from './graph/operation-resources.ts';
import type { Tokens } from './graph/tokens.ts';
import { openAdminSecret } from './http/console/admin-secret.ts';
import { consoleRoutes } from './http/console/console.ts';
import { type HealthParts, healthReading } from './http/console/health-reading.ts';
import { PAGE_FOLDER } from './http/console/page.ts';
import { rowOf } from './http/console/recordings.ts';
import { openSessions } from './http/console/sessions.ts';
import type { Traces } from './http/console/traces.ts';
import { openWatchers } from './http/console/watchers.ts';
import type { Log } from './log.ts';
import type { Notifier } from './notify/outbox.ts';
import type { Recordings } from './recording/recordings.ts';
import type { Store } from './store/store.ts';

export interface Console {
  readonly routes: FastifyPluginAsync;
  /** The secret when it was made just now: to be shown, now. */
  showSecret(): string | undefined;
  /** Whether anybody looks at this moment. */
  readonly watched: boolean;
  /** Something of this recording is new. */
  recordingChanged(recordingId: string): void;
  close(): void;
}

export interface ConsoleParts extends Omit<HealthParts, 'diskFreeBytes' | 'outbox' | 'clock'> {
  readonly config: Config;
  readonly publicUrl: string;
  readonly applications: ApplicationDirectory;
  readonly isBuiltIn: (applicationId: string) => boolean;
  readonly tokens: Tokens;
  readonly traces: Traces;
  readonly recordings: Recordings;
  readonly notifier: Notifier;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
}

/** Throws TonearmError `dataFolder`. Whoever opens it closes it, after HTTP. */
export async function openConsole(parts: ConsoleParts): Promise<Console> {
  const { config, applications, tokens, recordings, notifier, store, clock, log } = parts;
  const sessions = openSessions(clock);
  const secret = await openAdminSecret(config.data, { clock, log, changed: () => sessions.close() });
  const health = healthReading({
    ...parts,
    diskFreeBytes: () => recordings.room.free(),
    outbox: () => notifier.counts(),
  });
  const endingOf = async (callId: string, operationId: string) => {
    const found = await store.get<OperationRecord>(operationKey(callId, operationId));
    const { completionReason: ending, endReport } =
      found === undefined ? {} : completion(found.value.operation);
    return { ...(ending !== undefined && { ending }), ...(endReport !== undefined && { endReport }) };
  };
  const watchers = openWatchers({
    health,
    rowOf: async (recordingId) => {
      const summary = await recordings.summary(recordingId);
      return summary && rowOf(summary, { applications, endingOf });
    },
    clock,
    log,
  });
  const routes = consoleRoutes({
    ...parts,
    ...{ sessions, secret, watchers, health, endingOf },
    issue: (application) => tokens.issue(application),
    callsPath: ({ dialect }: Application) => callsPathOf(dialect),
    version: version(),
    iceServers: () => iceServersFor(config.webrtc.iceServers, clock.now()),
    pageFolder: PAGE_FOLDER,
  });
  return {
    routes,
    showSecret() {
      secret.shown();
      return secret.fresh;
    },
    get watched() {
      return watchers.any;
    },
    recordingChanged: watchers.recording,
    close() {
      secret.close();
      sessions.close();
    },
  };
}

/** Of the package, which is a level above us in a checkout and when built. */
function version(): string {
  return JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')).version;
}
