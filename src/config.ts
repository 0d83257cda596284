/**
 * Every setting: what it means, its unit, default and bounds, in one table that serves the file (YAML), the environment
 * (`http.publicUrl` is `TONEARM_HTTP_PUBLIC_URL`; lists are separated by commas) and the documentation.
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import type { Credentials } from './access/secrets.ts';
import type { Application } from './call/application.ts';
import type { Trunk } from './call/dial-plan.ts';
import { readApplications, secretVariables } from './config-applications.ts';
import { nearest } from './config-did-you-mean.ts';
import { passwordVariables, readTrunks } from './config-trunks.ts';
import {
  addressAndPort,
  BadValue,
  boolean,
  codec,
  dtmf,
  duration,
  file,
  folder,
  httpUrl,
  iceServer,
  integer,
  ipAddress,
  list,
  logLevel,
  network,
  onOff,
  outboundEntry,
  portRange,
  promptEntry,
  type Reader,
  rtpSockets,
  secrets,
  sipAddress,
  size,
  text,
  trustedIssuer,
  workers,
} from './config-values.ts';
import { reasonOf, TonearmError } from './errors.ts';

/** An application with what it asks for tokens with. */
export type ConfiguredApplication = Application & Credentials;

interface Setting<T> {
  readonly read: Reader<T>;
  /** As one would write it; '' when there is none. */
  readonly fallback: string;
  readonly about: string;
}

const setting = <T>(read: Reader<T>, fallback: string, about: string): Setting<T> => ({
  read,
  fallback,
  about,
});

/** A setting whose default follows from others. */
const derived = <T>(read: Reader<T>, about: string): Setting<T | undefined> => ({
  read,
  fallback: '',
  about,
});

const SETTINGS = {
  http: {
    listen: setting(addressAndPort, '127.0.0.1:8080', 'address:port of the API; port 0 takes a free one'),
    publicUrl: derived(httpUrl, 'how bots reach the API; default: the scheme and the listening address'),
    tls: {
      cert: derived(file, 'PEM file of a certificate (chain): HTTP is then HTTPS'),
      key: derived(file, 'PEM file of its private key'),
    },
    trustProxy: setting(
      boolean,
      'false',
      'whether X-Forwarded-For says who asks: only behind a proxy that sets it',
    ),
    maxConnections: setting(
      integer(16, 1_000_000),
      '4096',
      'HTTP connections at one time, half of them from one address unless trustProxy',
    ),
    requestsPerMinute: setting(
      integer(1, 1_000_000_000),
      '6000',
      'requests that one application may make in a minute; more are answered 429',
    ),
  },
  sip: {
    listen: setting(
      list(sipAddress, 1),
      'udp:127.0.0.1:5060, tcp:127.0.0.1:5060',
      'where SIP is taken: udp:address:port or tcp:address:port',
    ),
    trusted: setting(
      list(network),
      '127.0.0.1, ::1',
      'addresses and networks, such as 192.0.2.0/24, that the limits of a source do not hold for: this machine, proxies of yours; trunks are trusted anyway',
    ),
    requestsPerSecond: setting(
      integer(1, 1_000_000),
      '50',
      'SIP requests outside of calls that one source may make in a second; more are answered 503 or, when it may be forged, not at all',
    ),
    callsPerSource: setting(
      integer(1, 1_000_000),
      '1000',
      'incoming calls, ringing and talking, of one source at one time; more are answered 503',
    ),
    calls: setting(integer(1, 1_000_000), '5000', 'incoming calls of all sources at one time'),
  },
  media: {
    address: setting(ipAddress, '127.0.0.1', 'address for RTP, of this machine; it stands in SDP too'),
    announce: derived(
      ipAddress,
      'address for RTP as it stands in SDP, where that is another than media.address: behind NAT',
    ),
    ports: setting(portRange, '20000-29999', 'UDP ports for RTP and RTCP, two a call'),
    codecs: setting(
      list(codec, 1),
      'opus, G722, PCMU, PCMA',
      'codecs that calls may speak, the most wanted first: of those that a caller offers, the first of these (PCMU and PCMA are equals)',
    ),
    dtmf: setting(
      dtmf,
      'auto',
      'how keys are heard. auto: as telephone-events, in the audio of callers who offer none; both: in the audio as well, for gateways that convert some keys only, each press told once; events: as telephone-events only',
    ),
    workers: setting(workers, 'auto', 'media threads, 1–64; auto: one per spare core'),
    sockets: setting(
      rtpSockets,
      'auto',
      "auto: native sockets where they were built (npm run build:native); node: Node.js's",
    ),
    receiveTimeout: setting(duration(1, 3600), '30s', 'a recording ends when no media came for so long'),
  },
  webrtc: {
    origins: derived(
      list(text),
      'web pages of these origins may call by WebSocket (/sip), such as https://phone.example; besides those of http.publicUrl and of the machine that the browser runs on; *: all',
    ),
    connections: setting(integer(1, 100_000), '1000', 'WebSockets at one time'),
    iceServers: derived(
      list(iceServer),
      'STUN and TURN servers that browsers behind NAT use: stun:host:port, or turn:host:port with user and password after blanks',
    ),
  },
  console: {
    enabled: setting(
      onOff,
      'auto',
      'whether the web console is served at /: true or false; auto: only when http.listen and http.publicUrl are on loopback and no proxy is trusted',
    ),
  },
  data: setting(folder, './tonearm-data', 'folder of records, recordings and keys'),
  prompts: {
    allow: setting(
      list(promptEntry),
      'https:, file:./prompts',
      'what mediaInfo.uri may reach: a scheme, an origin or URL prefix, a host pattern such as https://*.example.com/, a network such as 10.1.0.0/16, a file: folder; private addresses only when their origin or network is listed',
    ),
    maxBytes: setting(integer(1000, 1 << 30), '20000000', 'largest prompt file, bytes'),
    timeout: setting(duration(0.1, 120), '10s', 'longest time to fetch a prompt'),
    cacheBytes: setting(integer(0, 2 ** 34), '268435456', 'memory for decoded prompts, bytes'),
  },
  calls: {
    answerTimeout: setting(duration(1, 600), '15s', 'a call that no bot answers in time ends with 480'),
    ringTimeout: setting(duration(1, 600), '60s', 'a call that a bot placed may ring so long'),
    dial: setting(
      list(text),
      'sip:*',
      'SIP URIs that bots may call directly, such as sip:*@pbx.example; numbers, and URIs at a trunk, go by trunks',
    ),
    drainTimeout: setting(
      duration(0, 86_400),
      '30s',
      'longest time that running calls are waited for at a stop',
    ),
    retention: setting(
      duration(1, 31_536_000),
      '24h',
      'how long operations of an ended call can be asked for',
    ),
  },
  record: {
    interKeyGap: setting(duration(0.1, 60), '3s', 'longest pause between two keys of one stop tone'),
  },
  callbacks: {
    allowHttp: setting(boolean, 'false', 'whether bots may be told over http:, for development'),
    allow: setting(
      list(outboundEntry),
      'https:, http:',
      'where bots may have themselves told, as prompts.allow; the origin of their configured callbackUri always, and this machine when http and sip listen on loopback only',
    ),
  },
  notifications: {
    retryFor: setting(duration(1, 604_800), '1h', 'how long a notification is tried again'),
  },
  recordings: {
    retention: setting(duration(1, 31_536_000), '24h', 'finished recordings are kept so long'),
    tokenLifetime: setting(
      duration(1, 31_536_000),
      '1h',
      'a recording’s access token outlives its longest duration by so long',
    ),
    encryption: {
      keyFile: derived(
        file,
        'file of master keys, 32 bytes each in base64 or hexadecimal, one a line: recordings are then encrypted; the first wraps their keys, all unwrap them',
      ),
      keys: derived(secrets, 'the master keys themselves, instead of keyFile'),
      newRecordings: setting(
        boolean,
        'true',
        'whether new recordings are encrypted; false: the keys only open those that were',
      ),
    },
    minFreeSpace: setting(
      size,
      '256MB',
      'with less room than this on their disk, no recording is begun: a record is answered 503',
    ),
  },
  tokens: {
    issuer: derived(httpUrl, 'iss of tokens; default: http.publicUrl'),
    lifetime: setting(duration(60, 86_400), '1h', 'of access tokens'),
    keyLifetime: setting(
      duration(7 * 86_400, 31_536_000),
      '90d',
      'how long a key signs tokens; its successor is published a day before it signs',
    ),
    trusted: derived(
      list(trustedIssuer),
      'whose access tokens are taken besides ours: each { issuer, audience }, or the two with a space between',
    ),
  },
  log: { level: setting(logLevel, 'info', 'debug, info, warn or error') },
} as const;

type Values<T> = { readonly [K in keyof T]: T[K] extends Setting<infer V> ? V : Values<T[K]> };

export interface Config extends Values<typeof SETTINGS> {
  /** Folder that relative `file:` prompts start from: the configuration's own. */
  readonly baseFolder: string;
  /** Empty: nothing was configured; `defaultApplication` then makes one. */
  readonly applications: readonly ConfiguredApplication[];
  /** The way to phone numbers. */
  readonly trunks: readonly Trunk[];
}

export interface ConfigSource {
  /** Path of the YAML file; `undefined`: defaults and environment alone. */
  readonly file?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Wins over file and environment: the command line's --data. */
  readonly data?: string | undefined;
}

const APPLICATIONS = 'TONEARM_APPLICATIONS';
const TRUNKS = 'TONEARM_TRUNKS';

/** Throws TonearmError `badConfig`, whose message names the key and says what would be right. */
export function readConfig(source: ConfigSource): Config {
  const document = source.file === undefined ? {} : readDocument(source.file);
  const { applications: applicationsInFile, trunks: trunksInFile, ...settings } = document;
  const applications = listOf(APPLICATIONS, applicationsInFile, source.env);
  const trunks = listOf(TRUNKS, trunksInFile, source.env);
  checkVariables(source.env, [...secretVariables(applications), ...passwordVariables(trunks)]);
  const values = readSection(SETTINGS, settings, source.env, []) as Values<typeof SETTINGS>;
  return {
    ...values,
    data: resolve(source.data ?? values.data),
    baseFolder: source.file === undefined ? process.cwd() : dirname(resolve(source.file)),
    applications: readApplications(applications, source.env, values.callbacks.allowHttp),
    trunks: readTrunks(trunks, source.env),
  };
}

/** What has keys of its own in each entry: YAML in the file, or in one environment variable, which wins. */
function listOf(variable: string, inFile: unknown, env: ConfigSource['env']): unknown {
  const inEnvironment = env[variable] ?? '';
  return inEnvironment === '' ? inFile : readYaml(inEnvironment, variable);
}

/** One line a setting, for `--help` and the documentation: key, environment variable, meaning, default. */
export function describeSettings(): readonly {
  key: string;
  variable: string;
  about: string;
  fallback: string;
}[] {
  const rows: { key: string; variable: string; about: string; fallback: string }[] = [];
  const walk = (section: object, path: readonly string[]) => {
    for (const [name, entry] of Object.entries(section)) {
      const here = [...path, name];
      if (!isSetting(entry)) walk(entry, here);
      else
        rows.push({
          key: here.join('.'),
          variable: variableOf(here),
          about: entry.about,
          fallback: entry.fallback,
        });
    }
  };
  walk(SETTINGS, []);
  return rows;
}

function readDocument(file: string): Record<string, unknown> {
  let content: string;
  try {
    content = readFileSync(file, 'utf8');
  } catch (thrown) {
    throw new TonearmError('badConfig', `The configuration ${file} can't be read: ${reasonOf(thrown)}.`);
  }
  const document = readYaml(content, `The configuration ${file}`) || {};
  if (typeof document === 'object' && !Array.isArray(document)) return document as Record<string, unknown>;
  throw new TonearmError('badConfig', `The configuration ${file} must be a mapping of settings.`);
}

/** Types are not guessed: `+1425` stays a number to dial and `0123` a secret, as in the environment. */
function readYaml(content: string, name: string): unknown {
  try {
    return parse(content, { schema: 'failsafe' });
  } catch (thrown) {
    // Below the first line the message quotes the source, which holds secrets.
    throw new TonearmError('badConfig', `${name} is no YAML: ${reasonOf(thrown).split('\n')[0]}`);
  }
}

/** Whoever mistypes a variable should hear of it; those of other software, and of secrets, are left alone. */
function checkVariables(env: ConfigSource['env'], secrets: readonly string[]): void {
  const known = [APPLICATIONS, TRUNKS, ...describeSettings().map(({ variable }) => variable)];
  for (const name of Object.keys(env)) {
    if (!name.startsWith('TONEARM_') || known.includes(name) || secrets.includes(name)) continue;
    const near = nearest(name, known);
    if (near !== undefined)
      throw new TonearmError('badConfig', `${name} is not a setting. Did you mean ${near}?`);
  }
}

function readSection(
  section: object,
  given: unknown,
  env: ConfigSource['env'],
  path: readonly string[],
): unknown {
  if (isSet(given) && (typeof given !== 'object' || Array.isArray(given))) {
    throw new TonearmError(
      'badConfig',
      `${path.join('.')} must be a section with settings of its own, such as ${Object.keys(section).join(', ')}.`,
    );
  }
  const raw = (isSet(given) ? given : {}) as Record<string, unknown>;
  for (const name of Object.keys(raw))
    if (!Object.hasOwn(section, name)) throw unknownKey([...path, name], Object.keys(section));
  return Object.fromEntries(
    Object.entries(section).map(([name, entry]) => {
      const here = [...path, name];
      return [
        name,
        isSetting(entry)
          ? readSetting(entry, raw[name], env, here)
          : readSection(entry, raw[name], env, here),
      ];
    }),
  );
}

function readSetting(
  entry: Setting<unknown>,
  raw: unknown,
  env: ConfigSource['env'],
  path: readonly string[],
): unknown {
  const variable = variableOf(path);
  const fromEnv = env[variable];
  const isFromEnv = isSet(fromEnv);
  const value = isFromEnv ? fromEnv : raw;
  if (!isSet(value)) return entry.fallback === '' ? undefined : entry.read(entry.fallback);
  try {
    return entry.read(value);
  } catch (thrown) {
    if (!(thrown instanceof BadValue)) throw thrown;
    const name = !isFromEnv ? path.join('.') : `${path.join('.')} (from ${variable})`;
    throw new TonearmError('badConfig', `${name} is ${JSON.stringify(value)}; it must be ${thrown.message}.`);
  }
}

/** A key or variable without a value is one that was left out. */
function isSet(value: unknown): value is NonNullable<unknown> {
  return value !== undefined && value !== null && value !== '';
}

function isSetting(entry: unknown): entry is Setting<unknown> {
  return typeof entry === 'object' && entry !== null && 'read' in entry;
}

function variableOf(path: readonly string[]): string {
  return `TONEARM_${path.map((name) => name.replace(/[A-Z]/g, '_$&').toUpperCase()).join('_')}`;
}

function unknownKey(path: readonly string[], known: readonly string[]): TonearmError {
  const name = path.at(-1) ?? '';
  const near = nearest(name, path.length === 1 ? [...known, 'applications', 'trunks'] : known);
  const hint =
    near === undefined
      ? `Known here: ${known.join(', ')}${path.length === 1 ? ', applications, trunks' : ''}.`
      : `Did you mean ${near}?`;
  return new TonearmError('badConfig', `${path.join('.')} is not a setting. ${hint}`);
}
