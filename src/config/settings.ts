/** Every setting: what it is for, its unit, default and bounds. The file and the environment are both read by this. */
import { availableParallelism } from 'node:os';
import {
  callbackUrl,
  choice,
  duration,
  flag,
  guid,
  hostPort,
  integer,
  ipAddress,
  list,
  optional,
  portRange,
  secretText,
  sipListen,
  text,
  webUrl,
  workers,
} from './setting.ts';

/** One for the main thread, the rest for media. */
const spareCores = Math.max(1, availableParallelism() - 1);

export const settings = {
  http: {
    listen: hostPort('Where the API is served. Port 0: any free one.', '127.0.0.1:8080'),
    publicUrl: optional(
      webUrl('How bots reach the API, as it stands in every location. Default: http:// and http.listen.'),
    ),
  },
  sip: {
    listen: list(
      sipListen('Where SIP is spoken. Port 0: any free one.'),
      ['udp:127.0.0.1:5060', 'tcp:127.0.0.1:5060'],
      1,
    ),
  },
  media: {
    address: ipAddress('Address of this machine that callers send audio to.', '127.0.0.1'),
    ports: portRange('UDP ports for audio: a pair, RTP and RTCP, for each call.', '20000-29999'),
    workers: workers('Media threads. auto: one for each spare core.', spareCores),
    receiveTimeout: duration('Without any media for so long, a recording ends.', '30s', '1s', '1h'),
  },
  data: text('Folder of records, recordings and keys.', './tonearm-data'),
  prompts: {
    allow: list(
      text(
        'What mediaInfo.uri may reach: schemes, beginnings of URLs, folders. Private addresses only when listed.',
      ),
      ['https:', 'file:./prompts'],
    ),
  },
  callbacks: {
    allowHttp: flag('Whether notifications may go to http: callbacks, unencrypted. For development.', false),
  },
  recordings: {
    retention: duration(
      'How long a recording, and what is known of an ended call, can be read.',
      '24h',
      '1m',
      '3650d',
    ),
    tokenLifetime: duration(
      'How long the access token of a recording outlives the recording.',
      '1h',
      '1m',
      '365d',
    ),
  },
  record: {
    interKeyGap: duration('Longest pause between two keys of one stop tone.', '3s', '100ms', '1m'),
  },
  calls: {
    answerTimeout: duration('A caller whom no bot answers hears 480 after so long.', '15s', '1s', '3m'),
    drainTimeout: duration(
      'How long running calls may go on when the server is asked to stop.',
      '1m',
      '0s',
      '24h',
    ),
  },
  notifications: {
    retryFor: duration('How long an undelivered notification is tried again.', '1h', '1s', '30d'),
  },
  limits: {
    requestsPerSecond: integer('Requests that one application may make each second.', 1000, {
      min: 1,
      max: 1_000_000,
    }),
    bodyBytes: integer('Longest body of a request, in bytes.', 262_144, { min: 1024, max: 16_777_216 }),
  },
  issuer: optional(webUrl('Issuer of the tokens that the server makes. Default: http.publicUrl.')),
};

export const roles = ['Calls.AccessMedia.All', 'Calls.Initiate.All'] as const;

export const applicationSettings = {
  id: guid('Id of the application, as in its tokens.'),
  tenantId: guid('Tenant it belongs to.'),
  name: optional(text('Its name, as callers and logs see it. Default: its id.')),
  secret: optional(secretText('Client secret.')),
  secretEnv: optional(text('Name of the environment variable that holds the client secret.')),
  roles: list(choice('What its tokens allow.', roles, 'Calls.AccessMedia.All'), ['Calls.AccessMedia.All']),
  callbackUri: callbackUrl('Where incoming calls are told of.'),
  dialect: choice('Spelling of that notification.', ['app', 'communications'] as const, 'app'),
  routes: list(text('Called numbers and URIs that are for it; * stands for any run of characters.'), []),
};
