/**
 * Builds every part from the configuration, starts them, and stops them in the reverse order. The only file that knows all parts.
 */
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { type AddressInfo, createServer, isIPv6 } from 'node:net';
import { join } from 'node:path';
import { type Calls, createCalls } from './call/calls.ts';
import type { CallRequest, Command, Fact, Reply } from './call/model.ts';
import { systemClock } from './clock.ts';
import { embeddedCluster } from './cluster/embedded.ts';
import type { Config, ConfiguredApplication } from './config.ts';
import { callbacksOf } from './config-callbacks.ts';
import { isConsoleOn } from './config-console.ts';
import { readAll } from './config-mistakes.ts';
import { ECHO_ID, withEcho } from './echo/application.ts';
import { startEcho } from './echo/bot.ts';
import { removeLeft } from './echo/left.ts';
import { reasonOf, TonearmError } from './errors.ts';
import { callRoutes } from './graph/call-routes.ts';
import { errorAnswers } from './graph/error-answers.ts';
import { sendODataError } from './graph/errors.ts';
import { openApiRoutes } from './graph/openapi.ts';
import { createOutsideIssuers } from './graph/outside-issuers.ts';
import { limitRequests } from './graph/request-limit.ts';
import { openSigningKeys } from './graph/signing-keys.ts';
import { spellingOf } from './graph/spelling.ts';
import { tokenRoutes } from './graph/token-routes.ts';
import { createTokens } from './graph/tokens.ts';
import { undeliveredRoutes } from './graph/undelivered-routes.ts';
import { openTraces } from './http/console/trace-store.ts';
import { traceAttempts } from './http/console/traced-attempts.ts';
import { traceHearing } from './http/console/traced-hearing.ts';
import { traceRequests } from './http/console/traced-requests.ts';
import type { TraceFeed, Traces } from './http/console/traces.ts';
import { healthRoutes } from './http/health.ts';
import { recordingRoutes } from './http/recordings.ts';
import { buildHttp, listenHttp } from './http/server.ts';
import { type SipUpgradeOptions, sipUpgrade } from './http/sip-upgrade.ts';
import { openApplications } from './kept-applications.ts';
import type { Log } from './log.ts';
import { isWide } from './media/codecs.ts';
import { createOwnSounds } from './media/own-sounds.ts';
import { createPrompts } from './media/prompts.ts';
import { metricsOf } from './metrics.ts';
import { startNotifier } from './notify/notifier.ts';
import { OUTBOX_FILE, openSqliteOutbox } from './notify/sqlite-outbox.ts';
import { type Console, openConsole } from './open-console.ts';
import type { MediaEngine } from './operation/media-engine.ts';
import { openPool } from './operation/pool.ts';
import { openRecordings } from './recording/recordings.ts';
import { readMasterKeys } from './recording-keys.ts';
import { createUserAgent } from './sip/endpoint.ts';
import { openTrusted } from './sip/trusted.ts';
import type { ListenAddress, UserAgent } from './sip/user-agent.ts';
import { owingStore } from './store/owing-store.ts';
import { openSqliteStore } from './store/sqlite-store.ts';
import type { Store } from './store/store.ts';
import { tellBots } from './tell-bots.ts';
import { readTls } from './tls-files.ts';
import { traceCalls } from './trace-calls.ts';

/** A running server. */
export interface Tonearm {
  /** How bots reach the API. */
  readonly publicUrl: string;
  /** Where SIP listens, with the ports that it got. */
  readonly sip: readonly ListenAddress[];
  readonly applications: readonly ConfiguredApplication[];
  /** The web console; `undefined`: it is not served. */
  readonly console: { readonly url: string; readonly freshSecret: string | undefined } | undefined;
  /** What happens to calls, from now on. */
  events(signal: AbortSignal): AsyncIterable<Fact>;
  /** Takes no more calls, waits for running ones up to the configured time, ends the rest, and closes everything. */
  close(): Promise<void>;
}

/** Who looks on besides the console. */
export interface Watchers {
  /** Where all that happens to calls is put; default: the console's, when there is one. Without, it costs nothing. */
  readonly traces?: (Traces & TraceFeed) | undefined;
}

/** How long a stop waits for the last notifications; what is not received by then is sent after the next start. */
const LAST_NOTIFICATIONS_MS = 3000;

/** What the echo bot says. */
const GREETING = join(import.meta.dirname, '../examples/voicemail-bot/greeting.wav');

/** Starts a server. Throws TonearmError with a message that says what to change; nothing is left open then. */
export async function startTonearm(config: Config, log: Log, watchers: Watchers = {}): Promise<Tonearm> {
  const closing: (() => Promise<void> | void)[] = [];
  const closeAll = async () => {
    for (const close of closing.splice(0).reverse()) await close();
  };
  try {
    return await start(config, log, watchers, (close) => closing.push(close), closeAll);
  } catch (thrown) {
    await closeAll();
    throw thrown;
  }
}

async function start(
  config: Config,
  log: Log,
  watchers: Watchers,
  atClose: (close: () => Promise<void> | void) => void,
  close: () => Promise<void>,
): Promise<Tonearm> {
  const clock = systemClock;
  const traces = watchers.traces ?? (isConsoleOn(config) ? openTraces({ clock }) : undefined);
  const { tls, masterKeys } = readAll({
    tls: () => readTls(config),
    masterKeys: () => readMasterKeys(config, log),
  });
  makeFolder(config.data);
  const file = openSqliteStore(join(config.data, 'tonearm.db'));
  // What bots are told must not be noted as told before it is in the outbox.
  let isTold = () => true;
  const store = owingStore(file, { clock, log, mayWrite: () => isTold() });
  atClose(() => store.close());
  const outbox = openSqliteOutbox(join(config.data, OUTBOX_FILE));
  atClose(() => outbox.close());

  const listen =
    config.http.listen.port === 0
      ? { ...config.http.listen, port: await freePort(config.http.listen.address) }
      : config.http.listen;
  const host = listen.address.includes(':') ? `[${listen.address}]` : listen.address;
  const publicUrl =
    config.http.publicUrl ?? `${tls === undefined ? 'http' : 'https'}://${host}:${listen.port}`;
  const applications = openApplications(config.applications, config.data, { clock, log });
  atClose(() => applications.close());
  const callable = withEcho(applications, config.echo.enabled ? config.echo.routes : []);
  const keys = await openSigningKeys({ store, clock, log, lifetimeMs: config.tokens.keyLifetime });
  atClose(() => keys.close());
  const tokens = createTokens({
    keys,
    outside: createOutsideIssuers(config.tokens.trusted ?? [], { clock, log }),
    issuer: config.tokens.issuer ?? publicUrl,
    applications: callable,
    lifetimeMs: config.tokens.lifetime,
    clock,
  });
  let console: Console | undefined;
  const recordings = await openRecordings({
    folder: join(config.data, 'recordings'),
    // What becomes of a recording is told by its own files, and tried again with them.
    store: file,
    clock,
    log,
    publicUrl,
    retentionMs: config.recordings.retention,
    tokenLifetimeMs: config.recordings.tokenLifetime,
    tokenKey: await recordingTokenKey(store),
    masterKeys,
    minFreeBytes: config.recordings.minFreeSpace,
    onChange: (recordingId) => console?.recordingChanged(recordingId),
  });
  atClose(() => recordings.close());
  const wide = config.media.codecs.some(isWide);
  const fetched = createPrompts({
    wide,
    allow: config.prompts.allow,
    baseFolder: config.baseFolder,
    clock,
    log,
    timeoutMs: config.prompts.timeout,
    maxBytes: config.prompts.maxBytes,
    cacheBytes: config.prompts.cacheBytes,
  });
  const prompts = createOwnSounds(fetched, wide);

  const cluster = embeddedCluster<Command, Reply, Fact>();
  const callbacks = callbacksOf(config);
  const notifier = startNotifier({
    outbox,
    authorize: tokens.authorize,
    callbacks,
    callbackOf: (applicationId) => applications.get(applicationId)?.callbackUri,
    clock,
    log,
    schedule: { retryForMs: config.notifications.retryFor },
    onAttempt: traces && traceAttempts(traces),
  });
  isTold = notifier.isDurable;
  atClose(() => notifier.close());
  const telling = tellBots({ cluster, notifier, clock, log });
  atClose(() => telling.stop());

  const nameOf = (applicationId: string) => callable.get(applicationId)?.name;
  const tracing = traces && traceCalls({ cluster, traces, nameOf, clock, log });
  atClose(() => tracing?.stop());

  let calls: Calls | undefined;
  let signalling: UserAgent | undefined;
  let media: MediaEngine | undefined;
  /** From recovery to the beginning of the drain. */
  let taking = false;
  let adopt: SipUpgradeOptions['adopt'] | undefined;
  const ask = async (callId: string, command: Command): Promise<Reply> =>
    calls?.ask(callId, command) ?? { ok: false, error: 'unavailable', message: 'The server is starting.' };
  if (config.echo.enabled) {
    const echo = startEcho({ cluster, ask, recordings, sounds: prompts, greeting: GREETING, log });
    atClose(() => echo.stop());
  }
  const create = async (request: CallRequest): Promise<Reply> =>
    calls?.create(request) ?? { ok: false, error: 'unavailable', message: 'The server is starting.' };
  const packets = async () => (await media?.packets()) ?? { expected: 0, received: 0 };
  if (traces !== undefined && isConsoleOn(config)) {
    console = await openConsole({
      ...{
        config,
        publicUrl,
        applications: callable,
        tokens,
        traces,
        recordings,
        notifier,
        store,
        clock,
        log,
        packets,
      },
      isBuiltIn: (id) => id === ECHO_ID,
      ready: () => taking,
      calls: () => calls?.active ?? 0,
      recordingsLive: () => recordings.live,
    });
    atClose(console.close);
  }
  const http = await buildHttp({
    log,
    tls,
    trustProxy: config.http.trustProxy,
    maxConnections: config.http.maxConnections,
    clock,
    errors: errorAnswers,
    plugins: [
      sipUpgrade({
        origins: config.webrtc.origins ?? [],
        publicUrl,
        trustProxy: config.http.trustProxy,
        adopt: (address) => adopt?.(address),
        log,
      }),
      openApiRoutes({ publicUrl }),
      limitRequests(config.http.requestsPerMinute, [
        traceRequests(traces, clock, [callRoutes({ ask, create, tokens, publicUrl, callbacks })]),
        undeliveredRoutes({ notifier, tokens, publicUrl }),
      ]),
      tokenRoutes({ tokens, publicUrl, clock }),
      recordingRoutes({ recordings, sendError: sendODataError, log, clock }),
      ...(console === undefined ? [] : [console.routes]),
      healthRoutes({
        ready: () => taking,
        ...metricsOf({
          activeCalls: () => calls?.active ?? 0,
          recordings,
          notifier,
          signalling: () => signalling?.counts,
          packets,
        }),
      }),
    ],
  });
  atClose(() => http.close());
  await listenHttp(http, listen);

  await checkAddress(config.media.address);
  const engine = await openPool({
    address: config.media.address,
    ports: config.media.ports,
    workers: config.media.workers,
    sockets: config.media.sockets,
    dtmf: config.media.dtmf,
    watch: traces && traceHearing(traces),
    log,
  });
  media = engine;
  atClose(() => engine.close());
  const trusted = openTrusted({
    networks: config.sip.trusted,
    hosts: config.trunks.map(({ host }) => host),
    clock,
    log,
  });
  atClose(() => trusted.close());
  const { listen: sipListen, requestsPerSecond, callsPerSource, calls: mostCalls } = config.sip;
  const limits = { requestsPerSecond, callsPerSource, calls: mostCalls, isTrusted: trusted.has };
  const userAgent = await createUserAgent({
    listen: sipListen,
    limits,
    webSockets: config.webrtc.connections,
    onWire: traces?.sip,
    clock,
    log,
  });
  signalling = userAgent;
  atClose(() => userAgent.close());
  const all = createCalls({
    userAgent,
    engine,
    recordings,
    prompts,
    store,
    cluster,
    clock,
    log,
    // Nobody gets a token for the echo bot, so it is an application of calls only.
    applications: callable,
    trunks: config.trunks,
    dialable: config.calls.dial,
    mediaAddress: config.media.announce ?? config.media.address,
    codecs: config.media.codecs,
    spoolFolder: recordings.spoolFolder,
    spellingOf,
    answerTimeoutMs: config.calls.answerTimeout,
    ringTimeoutMs: config.calls.ringTimeout,
    interKeyMs: config.record.interKeyGap,
    noMediaMs: config.media.receiveTimeout,
    retentionMs: config.calls.retention,
    watched: () => console?.watched === true,
  });
  atClose(async () => {
    taking = false;
    userAgent.drain();
    // Bots go on steering the calls that still run.
    await all.close(config.calls.drainTimeout);
    await telling.settled(LAST_NOTIFICATIONS_MS);
    calls = undefined;
  });
  calls = all;
  await all.recover();
  // By a server that has the bot no more, too.
  await removeLeft(recordings, log);
  taking = true;
  adopt = (address) => (userAgent.mayAdopt(address) ? (socket) => userAgent.adopt(socket) : undefined);
  return {
    publicUrl,
    sip: userAgent.listening,
    applications: applications.all(),
    console: console && { url: `${publicUrl}/`, freshSecret: console.showSecret() },
    events: (signal) => cluster.events(signal),
    close,
  };
}

/** Throws TonearmError `mediaAddress` when media can't be served there: better now than at the first call. */
async function checkAddress(address: string): Promise<void> {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  try {
    socket.bind(0, address);
    await once(socket, 'listening');
  } catch (thrown) {
    throw new TonearmError(
      'mediaAddress',
      `Media can't be served at ${address}: ${reasonOf(thrown)}. Change it in media.address.`,
    );
  } finally {
    socket.close();
  }
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (thrown) {
    throw new TonearmError(
      'dataFolder',
      `The data folder ${folder} can't be made: ${reasonOf(thrown)}. Give another one with --data or data.`,
    );
  }
}

/** What recordings' access tokens are signed with: made at the first start. */
async function recordingTokenKey(store: Store): Promise<Uint8Array> {
  const kept = await store.get<string>('key/recordings');
  if (kept !== undefined) return Buffer.from(kept.value, 'base64');
  const key = randomBytes(32);
  await store.put('key/recordings', key.toString('base64'));
  return key;
}

/** A port that is free now. The public URL must be known before the server listens, so port 0 is settled here. */
async function freePort(address: string): Promise<number> {
  const probe = createServer().listen(0, address);
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
