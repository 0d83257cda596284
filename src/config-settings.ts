/**
 * Every setting: what it means, its unit, default and bounds, in one table that serves the file (YAML), the environment
 * (`http.publicUrl` is `TONEARM_HTTP_PUBLIC_URL`) and the documentation. config.ts reads it.
 */
import { iceServer } from './config-ice-servers.ts';
import {
  addressAndPort,
  boolean,
  codec,
  dtmf,
  duration,
  file,
  folder,
  httpUrl,
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

/** One setting, at its place in the table. */
export interface Setting<T> {
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

/** The table: sections of settings, and sections in them. */
export const SETTINGS = {
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
      'whether the last address in X-Forwarded-For says who asks: only behind one proxy that adds it',
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
      'how keys are heard. auto: as telephone-events, in the audio of callers who offer none; both: in the audio as well, for gateways that convert some keys only, each press told once; events: never in the audio. Keys by INFO are taken in each',
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
      'STUN and TURN servers that the console’s phone uses behind NAT: stun:host:port, or turn:host:port followed by user and password, or by secret=… (coturn’s static-auth-secret), with blanks between',
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
  echo: {
    enabled: derived(
      boolean,
      'whether the built-in bot answers, which records callers and plays them back; default: only where no application was configured',
    ),
    routes: setting(
      list(text, 1),
      'sip:echo@*',
      'what reaches it, before any application; with * among them it takes, after all applications, what none of them does',
    ),
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

/** What the settings of a section are when they were read. */
export type Values<T> = { readonly [K in keyof T]: T[K] extends Setting<infer V> ? V : Values<T[K]> };

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

/** Whether it is a setting, and no section of them. */
export function isSetting(entry: unknown): entry is Setting<unknown> {
  return typeof entry === 'object' && entry !== null && 'read' in entry;
}

/** The environment variable of a setting. */
export function variableOf(path: readonly string[]): string {
  return `TONEARM_${path.map((name) => name.replace(/[A-Z]/g, '_$&').toUpperCase()).join('_')}`;
}
