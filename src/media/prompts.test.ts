import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { toneShare } from '../../test/support/audio.ts';
import { VirtualClock } from '../../test/support/virtual-clock.ts';
import { silentLog } from '../log.ts';
import { pcmWavHeader } from '../wire/wav.ts';
import type { PromptAudio, PromptLibrary } from './prompt-library.ts';
import { createPrompts, type PromptOptions } from './prompts.ts';

/** A WAV file of a 1,000 Hz tone. */
function toneFile(rate = 16_000, seconds = 0.5): Buffer {
  const samples = Int16Array.from({ length: rate * seconds }, (_, i) =>
    Math.round(12_000 * Math.sin((2 * Math.PI * 1000 * i) / rate)),
  );
  return Buffer.concat([pcmWavHeader(rate, samples.length), Buffer.from(samples.buffer)]);
}

function library(options: Partial<PromptOptions>): PromptLibrary {
  return createPrompts({
    allow: [],
    clock: new VirtualClock(),
    log: silentLog,
    ...options,
  });
}

function get(
  prompts: PromptLibrary,
  uri: string,
  resourceId?: string,
  applicationId = 'application',
): Promise<PromptAudio> {
  return prompts.get({ uri, resourceId }, applicationId);
}

/** The samples; fails with the message when there are none. */
async function samplesOf(audio: Promise<PromptAudio>): Promise<Int16Array> {
  const settled = await audio;
  assert.ok(settled.ok, settled.ok ? '' : settled.message);
  return settled.samples;
}

async function assertFails(audio: Promise<PromptAudio>, why: string, message: RegExp): Promise<void> {
  const settled = await audio;
  assert.ok(!settled.ok, 'it was delivered');
  assert.equal(settled.why, why);
  assert.match(settled.message, message);
}

/** A server on a free loopback port; its origin, and the paths that were asked for. */
async function serve(
  t: TestContext,
  listener: RequestListener,
): Promise<{ origin: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    listener(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

const always =
  (body: Uint8Array): RequestListener =>
  (_, response) =>
    response.end(body);

test('a prompt is fetched, brought to 8 kHz and put on shared memory', async (t) => {
  const { origin } = await serve(t, always(toneFile(44_000, 0.5)));
  const samples = await samplesOf(get(library({ allow: [`${origin}/`] }), `${origin}/greeting.wav`));
  assert.equal(samples.length, 4000);
  assert.ok(samples.buffer instanceof SharedArrayBuffer);
  assert.ok(toneShare(samples, 1000) > 0.99);
});

test('with a resourceId a prompt is fetched once; requests at the same time share one fetch', async (t) => {
  const { origin, asked } = await serve(t, always(toneFile()));
  const prompts = library({ allow: [origin] });
  const [a, b] = await Promise.all([
    samplesOf(get(prompts, `${origin}/a.wav`, 'greeting')),
    samplesOf(get(prompts, `${origin}/a.wav`, 'greeting')),
  ]);
  assert.equal(a, b);
  assert.equal(await samplesOf(get(prompts, `${origin}/a.wav`, 'greeting')), a);
  assert.deepEqual(asked, ['/a.wav']);
  await samplesOf(get(prompts, `${origin}/b.wav`, 'greeting'));
  assert.deepEqual(asked, ['/a.wav', '/b.wav'], 'the same resourceId of another uri is another prompt');
});

test('without a resourceId a prompt is shared while it is on its way, and fetched again later', async (t) => {
  const { origin, asked } = await serve(t, always(toneFile()));
  const prompts = library({ allow: [origin] });
  await Promise.all([get(prompts, `${origin}/a.wav`), get(prompts, `${origin}/a.wav`)]);
  assert.equal(asked.length, 1);
  await get(prompts, `${origin}/a.wav`);
  assert.equal(asked.length, 2);
});

test('a failure is not kept', async (t) => {
  const { origin } = await serve(t, (_, response) => {
    response.statusCode = broken ? 503 : 200;
    response.end(broken ? 'later' : toneFile());
  });
  const prompts = library({ allow: [origin] });
  let broken = true;
  await assertFails(get(prompts, `${origin}/a.wav`, 'a'), 'unavailable', /a\.wav: its server answered 503/);
  broken = false;
  await samplesOf(get(prompts, `${origin}/a.wav`, 'a'));
});

test('the least recently used prompt makes room', async (t) => {
  const { origin, asked } = await serve(t, always(toneFile(8000, 1)));
  const prompts = library({ allow: [origin], cacheBytes: 40_000 });
  for (const name of ['a', 'b', 'a', 'c', 'a', 'b']) await samplesOf(get(prompts, `${origin}/${name}`, name));
  assert.deepEqual(asked, ['/a', '/b', '/c', '/b']);
});

test('what is no WAV file is undecodable, and the message says what it is', async (t) => {
  const { origin } = await serve(t, always(Buffer.from('<!doctype html><title>Sign in</title>')));
  await assertFails(
    get(library({ allow: [origin] }), `${origin}/x.wav?key=secret`),
    'undecodable',
    /x\.wav: it is not a WAV file but text/,
  );
});

test('only what the rules list is fetched', async (t) => {
  const { origin, asked } = await serve(t, always(toneFile()));
  const prompts = library({ allow: ['https:', `${origin}/prompts`] });
  await samplesOf(get(prompts, `${origin}/prompts/a.wav`));
  for (const path of [
    '/other/a.wav',
    '/promptsX/a.wav',
    '/prompts/../a.wav',
    '/prompts/%2e%2e/a.wav',
    '/prompts/..%2fa.wav',
  ])
    await assertFails(
      get(prompts, origin + path),
      'unavailable',
      /prompts\.allow lists neither "http:" nor "http:\/\/127/,
    );
  for (const uri of ['data:audio/wav;base64,UklGRg==', 'ftp://example.com/a.wav', 'http://', 'nonsense', ''])
    await assertFails(get(prompts, uri), 'unavailable', /https:, http: and file: can/);
  assert.deepEqual(asked, ['/prompts/a.wav']);
});

test('a scheme allows public addresses only, however the address is spelt', async (t) => {
  const { origin, asked } = await serve(t, always(toneFile()));
  const prompts = library({ allow: ['http:', 'https:'] });
  const port = new URL(origin).port;
  for (const host of [
    '127.0.0.1',
    '2130706433',
    '0x7f.1',
    '127.1',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '169.254.169.254',
    '10.0.0.1',
    '0.0.0.0',
  ])
    await assertFails(
      get(prompts, `http://${host}:${port}/a.wav`),
      'unavailable',
      /is not a public address.*prompts\.allow/,
    );
  assert.deepEqual(asked, []);
});

test('a name that leads to a private address is refused when connecting, even when a public one stands beside it', async (t) => {
  const { origin, asked } = await serve(t, always(toneFile()));
  const { port } = new URL(origin);
  for (const addresses of [['127.0.0.1'], ['1.1.1.1', '127.0.0.1'], ['::ffff:127.0.0.1'], ['fd00::1']]) {
    const prompts = library({
      allow: ['http:'],
      resolve: async () => addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    });
    await assertFails(
      get(prompts, `http://rebound.example:${port}/a.wav`),
      'unavailable',
      /rebound\.example has the address .* not a public address/,
    );
  }
  assert.deepEqual(asked, []);
});

test('a host that an entry names may have a private address', async (t) => {
  const { origin } = await serve(t, always(toneFile()));
  const named = `http://media.internal:${new URL(origin).port}`;
  const prompts = library({
    allow: [`${named}/`],
    resolve: async () => [{ address: '127.0.0.1', family: 4 }],
  });
  await samplesOf(get(prompts, `${named}/a.wav`));
});

test('redirects are followed three times, and each is asked about', async (t) => {
  const { origin, asked } = await serve(t, (request, response) => {
    const [, step] = /^\/hop(\d)$/.exec(request.url ?? '') ?? [];
    if (step === undefined) return void response.end(toneFile());
    response.writeHead(302, { location: step === '1' ? '/a.wav' : `/hop${Number(step) - 1}` }).end();
  });
  const prompts = library({ allow: [origin] });
  await samplesOf(get(prompts, `${origin}/hop3`));
  assert.deepEqual(asked, ['/hop3', '/hop2', '/hop1', '/a.wav']);
  await assertFails(get(prompts, `${origin}/hop4`), 'unavailable', /more than 3 times/);
});

test('a redirect to a private address, another scheme or nowhere is refused', async (t) => {
  const inner = await serve(t, always(toneFile()));
  const targets = [
    [
      `${inner.origin}/secret`,
      /redirected to http:\/\/127\.0\.0\.1:\d+\/secret: 127\.0\.0\.1 is not a public address/,
    ],
    ['file:///etc/passwd', /redirected to file:/],
    ['http://[', /redirects to nowhere/],
  ] as const;
  for (const [location, message] of targets) {
    const outer = await serve(t, (_, response) => void response.writeHead(302, { location }).end());
    await assertFails(
      get(library({ allow: ['http:', outer.origin] }), `${outer.origin}/a.wav`),
      'unavailable',
      message,
    );
  }
  assert.deepEqual(inner.asked, []);
});

test('a prompt over the limit is refused, whether its length is told or not', async (t) => {
  for (const headers of [{ 'content-length': '5000' }, {}]) {
    const { origin } = await serve(
      t,
      (_, response) => void response.writeHead(200, headers).end(Buffer.alloc(5000)),
    );
    const prompts = library({ allow: [origin], maxBytes: 4000 });
    await assertFails(get(prompts, `${origin}/a.wav`), 'unavailable', /longer than the limit of 4000 bytes/);
  }
});

test('a server that says nothing, or stops in the middle, is given up after 10 s', async (t) => {
  for (const begins of [false, true]) {
    const clock = new VirtualClock();
    const { promise: reached, resolve } = Promise.withResolvers<void>();
    const { origin } = await serve(t, (_, response) => {
      if (begins) response.write(toneFile().subarray(0, 100));
      resolve();
    });
    const audio = get(library({ allow: [origin], clock }), `${origin}/a.wav`);
    await reached;
    await clock.advance(9_999);
    const early = await Promise.race([audio, Promise.resolve('waiting')]);
    assert.equal(early, 'waiting');
    await clock.advance(1);
    await assertFails(audio, 'unavailable', /did not arrive within 10 s/);
  }
});

test('no timer is left once a prompt is there', async (t) => {
  const { origin } = await serve(t, always(toneFile()));
  const clock = new VirtualClock();
  await samplesOf(get(library({ allow: [origin], clock }), `${origin}/a.wav`));
  assert.equal(clock.timers, 0);
});

test('a connection that breaks off, or is refused, or a host that is not there, is said in words', async (t) => {
  const { origin } = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-length': '1000' });
    response.write(Buffer.alloc(10), () => response.destroy());
  });
  await assertFails(
    get(library({ allow: [origin] }), `${origin}/a.wav`),
    'unavailable',
    /closed the connection before/,
  );
  const closed = createServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const dead = `http://127.0.0.1:${(closed.address() as AddressInfo).port}`;
  closed.close();
  await once(closed, 'close');
  await assertFails(get(library({ allow: [dead] }), `${dead}/a.wav`), 'unavailable', /refuses connections/);
  const nowhere = library({
    allow: ['https:'],
    resolve: () => Promise.reject(Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' })),
  });
  await assertFails(get(nowhere, 'https://nowhere.example/a.wav'), 'unavailable', /its host cannot be found/);
});

test('credentials and queries stay out of messages', async () => {
  const uri = 'http://user:hush@127.0.0.1:9/a.wav?token=hush#hush';
  const settled = await get(library({ allow: [] }), uri);
  assert.ok(!settled.ok && !settled.message.includes('hush'), settled.ok ? '' : settled.message);
});

test('a prompt from a listed folder is read', async () => {
  const samples = await samplesOf(
    get(
      library({ allow: ['file:./voicemail-bot'], baseFolder: join(import.meta.dirname, '../../examples') }),
      'file:./voicemail-bot/greeting.wav',
    ),
  );
  assert.equal(samples.length, 45_235);
});

test('an entry that cannot be a rule is refused with what would be one', () => {
  for (const entry of [
    'ftp:',
    'data:',
    'file:',
    '',
    'example.com',
    'https://',
    'https://host/?query',
    'file://host/x',
  ])
    assert.throws(
      () => library({ allow: [entry] }),
      { code: 'invalidPromptRule', message: /^prompts\.allow: "/ },
      entry,
    );
});

test('what waits for a host that says nothing has a bound; prompts from elsewhere, and of another application, do not wait for it', async (t) => {
  const [full, more] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const silent = await serve(t, () => {
    if (silent.asked.length === 16) full.resolve();
    if (silent.asked.length === 17) more.resolve();
  });
  const other = await serve(t, always(toneFile()));
  const logged: string[] = [];
  const log = { ...silentLog, warn: (_: object, message: string) => void logged.push(message) };
  const prompts = library({ allow: [`${silent.origin}/`, `${other.origin}/`], log });
  for (let n = 0; n < 1000; n++) void get(prompts, `${silent.origin}/${n}.wav`);
  await assertFails(
    get(prompts, `${silent.origin}/more.wav`),
    'unavailable',
    /^the prompt .*more\.wav: 1000 prompts .* from its host already$/,
  );
  assert.deepEqual(logged, ['a prompt was not fetched: too many wait']);
  await samplesOf(get(prompts, `${other.origin}/a.wav`));
  await samplesOf(get(prompts, `${other.origin}/a.wav`, undefined, 'another'));
  await full.promise;
  void get(prompts, `${silent.origin}/other.wav`, undefined, 'another');
  await more.promise;
  assert.equal(silent.asked[16], '/other.wav', 'a turn of its own');
});
