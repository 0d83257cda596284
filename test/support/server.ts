import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export const APP = {
  id: '8a34a46b-3d17-4adc-8dce-dc4e7d572698',
  tenantId: '72f988bf-86f1-41af-91ab-2d7cd011db47',
  name: 'Voicemail',
  secret: 'dev-secret',
  roles: ['Calls.AccessMedia.All', 'Calls.Initiate.All'],
  dialect: 'app',
} as const;

export interface ServerOptions {
  /** Merged over the test configuration, section by section. */
  readonly config?: Record<string, unknown>;
  readonly callbackUri?: string;
  /** Kept when given: to start a second server on what a first one left. */
  readonly dataFolder?: string;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A whole server in a process of its own, on free loopback ports, as `tonearm serve` starts it. */
export interface TestServer {
  readonly http: string;
  readonly udp: number;
  readonly tcp: number;
  readonly dataFolder: string;
  readonly pid: number;
  /** Every line so far of what it says, logged or not. */
  readonly said: readonly string[];
  /** Every log line so far, parsed. */
  readonly log: readonly Record<string, unknown>[];
  /** Resolves once it logs this message. */
  logged(message: string): Promise<void>;
  /** Resolves once it has logged this message so often. */
  loggedTimes(message: string, times: number): Promise<void>;
  /** The exit code, once it has ended. */
  readonly ended: Promise<number | null>;
  signal(signal: NodeJS.Signals): void;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

/** A server that is being started. */
export interface StartingServer {
  readonly dataFolder: string;
  /** Rejects with all that it said when it ends before it says that it is ready. */
  readonly ready: Promise<TestServer>;
  /** SIGKILL, whatever it is doing. */
  kill(): Promise<void>;
}

/** Starts a server and resolves once it says that it is ready; rejects with all it said when it ends before that. */
export function startServer(options: ServerOptions = {}): Promise<TestServer> {
  return launchServer(options).ready;
}

/** Removed when the test's process ends; and no server outlives its test. */
const folders: string[] = [];
const children = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** Starts a server without waiting for it. */
export function launchServer(options: ServerOptions = {}): StartingServer {
  const folder = mkdtempSync(join(tmpdir(), 'tonearm-test-'));
  // Not when the server ends: what it left may be what a test is about.
  folders.push(folder);
  const dataFolder = options.dataFolder ?? join(folder, 'data');
  const configFile = join(folder, 'tonearm.yaml');
  writeFileSync(configFile, JSON.stringify(testConfig(options)));
  const child = spawn(
    process.execPath,
    ['src/main.ts', 'serve', '--config', configFile, '--data', dataFolder],
    {
      cwd: join(import.meta.dirname, '../..'),
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
    },
  );
  children.add(child);
  const ended = once(child, 'exit') as Promise<[number | null]>;
  void ended.then(() => children.delete(child));
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    const [code] = await ended;
    return code;
  };
  const ready = whenReady(child, ended, end, dataFolder);
  // Whoever kills it does not wait for it.
  ready.catch(() => {});
  return { dataFolder, ready, kill: async () => void (await end('SIGKILL')) };
}

async function whenReady(
  child: ChildProcess,
  ended: Promise<[number | null]>,
  end: (signal: NodeJS.Signals) => Promise<number | null>,
  dataFolder: string,
): Promise<TestServer> {
  const log: Record<string, unknown>[] = [];
  const said: string[] = [];
  const ready = await readyLine(child, ended, { log, said });
  const sip = ready.sip as { transport: string; port: number }[];
  const port = (transport: string) => sip.find((listening) => listening.transport === transport)?.port ?? 0;
  const loggedTimes = async (message: string, times: number) => {
    while (log.filter((entry) => entry.msg === message).length < times)
      await Promise.race([
        once(child.stderr!, 'data'),
        ended.then(() => Promise.reject(new Error(`the server ended and never logged «${message}»`))),
      ]);
  };
  return {
    http: ready.http as string,
    udp: port('udp'),
    tcp: port('tcp'),
    dataFolder,
    pid: child.pid ?? 0,
    said,
    log,
    logged: (message) => loggedTimes(message, 1),
    loggedTimes,
    ended: ended.then(([code]) => code),
    signal: (signal) => void child.kill(signal),
    stop: () => end('SIGTERM'),
    kill: async () => void (await end('SIGKILL')),
  };
}

function testConfig({
  config = {},
  callbackUri = 'http://127.0.0.1:9/api/calls',
}: ServerOptions): Record<string, unknown> {
  const defaults: Record<string, unknown> = {
    http: { listen: '127.0.0.1:0' },
    sip: { listen: ['udp:127.0.0.1:0', 'tcp:127.0.0.1:0'] },
    media: { address: '127.0.0.1', ports: portRange(), workers: 1 },
    prompts: { allow: [new URL('/', callbackUri).href] },
    callbacks: { allowHttp: true },
    applications: [{ ...APP, callbackUri, routes: ['*'] }],
  };
  const merged = { ...defaults };
  for (const [key, value] of Object.entries(config)) {
    const before = defaults[key];
    merged[key] = isSection(before) && isSection(value) ? { ...before, ...value } : value;
  }
  return merged;
}

function isSection(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Servers skip ports that are taken, so ranges may overlap; a random start makes that rare. */
function portRange(): string {
  const start = 20_000 + 2 * Math.floor(Math.random() * 4000);
  return `${start}-${start + 1999}`;
}

async function readyLine(
  child: ChildProcess,
  ended: Promise<unknown>,
  { log, said }: { readonly log: Record<string, unknown>[]; readonly said: string[] },
): Promise<Record<string, unknown>> {
  const { promise, resolve, reject } = Promise.withResolvers<Record<string, unknown>>();
  if (child.stdout === null || child.stderr === null) throw new Error('the server has no output');
  createInterface(child.stdout).on('line', (line) => said.push(line));
  createInterface(child.stderr).on('line', (line) => {
    said.push(line);
    if (!line.startsWith('{')) return;
    const entry = JSON.parse(line) as Record<string, unknown>;
    log.push(entry);
    if (entry.msg === 'ready') resolve(entry);
  });
  void ended.then(() => reject(new Error(`the server ended before it was ready:\n${said.join('\n')}`)));
  return promise;
}
