/** The console of a server in a process of its own, from the secret that it shows to the cookie that is worthless at the end. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { placeScriptedCall } from '../../src/cli/scripted-call.ts';
import { readSoundFile } from '../../src/cli/sound-file.ts';
import type {
  CallRow,
  CallTrace,
  ConsoleEvents,
  Paged,
  RecordingRow,
  Session,
  Tried,
} from '../../src/http/console/wire.ts';
import { type Bot, callPath, isFinalOperation, isState, startBot } from '../support/bot.ts';
import { until } from '../support/recordings.ts';
import { startServer, type TestServer } from '../support/server.ts';

/** What a browser would be to the console. */
class Visitor {
  readonly #server: TestServer;
  #cookie = '';
  #csrf = '';

  constructor(server: TestServer) {
    this.#server = server;
  }

  ask(method: string, path: string, body?: unknown): Promise<Response> {
    return fetch(`${this.#server.http}${path}`, {
      method,
      headers: {
        cookie: this.#cookie,
        'x-csrf-token': this.#csrf,
        'sec-fetch-site': 'same-origin',
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  }

  async get<T>(path: string): Promise<T> {
    const answer = await this.ask('GET', path);
    assert.equal(answer.status, 200, path);
    return (await answer.json()) as T;
  }

  /** The status of the answer. */
  async signIn(secret: string): Promise<number> {
    const answer = await this.ask('POST', '/console/sign-in', { secret });
    this.#cookie = answer.headers.get('set-cookie')?.split(';')[0] ?? '';
    if (answer.status === 204) this.#csrf = (await this.get<Session>('/console/session')).csrfToken;
    return answer.status;
  }

  /** All events from now on, as they come. */
  async watch(query = '') {
    const answer = await this.ask('GET', `/console/events${query}`);
    assert.equal(answer.status, 200);
    const told: { readonly event: string; readonly data: unknown }[] = [];
    let news = Promise.withResolvers<void>();
    const over = (async () => {
      let text = '';
      for await (const piece of answer.body!.pipeThrough(new TextDecoderStream())) {
        const events = (text + piece).split('\n\n');
        text = events.pop() ?? '';
        for (const one of events) {
          const [, event, data] = /^event: (.*)\nid: 1\ndata: (.*)$/.exec(one) ?? [];
          if (event !== undefined) told.push({ event, data: JSON.parse(data ?? '') });
        }
        news.resolve();
        news = Promise.withResolvers();
      }
    })();
    /** Resolves once such an event, past or future, has fitted. Not by looking all the time: a caller speaks in this process. */
    const of = async <Name extends keyof ConsoleEvents>(
      name: Name,
      fits: (data: ConsoleEvents[Name]) => boolean,
    ) => {
      while (!told.some(({ event, data }) => event === name && fits(data as ConsoleEvents[Name])))
        await news.promise;
    };
    return { of, over };
  }
}

/** The secret, once the server has shown it. */
async function shownSecret({ said, http }: TestServer): Promise<string> {
  const found = () => said.join('\n').match(/#secret=([\w-]{32})/)?.[1];
  await until(() => found() !== undefined);
  const secret = found() ?? '';
  assert.ok(said.some((line) => line.endsWith(`${http}/#secret=${secret}`)));
  return secret;
}

/** A bot that answers and leaves the rest to whoever is at the console. */
async function answeringBot(
  t: TestContext,
): Promise<{ readonly bot: Bot; answerAt: (server: TestServer) => void }> {
  const { promise: at, resolve: answerAt } = Promise.withResolvers<TestServer>();
  const bot = await startBot({
    onNotification(notification) {
      if (!isState('incoming')(notification)) return;
      const body = { callbackUri: bot.callbackUri };
      void at.then(({ http }) => bot.act(http, 'POST', `${callPath(notification)}/answer`, body));
    },
  });
  t.after(() => bot.close());
  return { bot, answerAt };
}

test('one signs in with the secret, sees a call, tries record on it, hears it, and is gone after signing out', async (t) => {
  const { bot, answerAt } = await answeringBot(t);
  const server = await startServer({ callbackUri: bot.callbackUri, config: { log: { level: 'debug' } } });
  t.after(() => server.kill());
  answerAt(server);
  const secret = await shownSecret(server);
  const visitor = new Visitor(server);
  assert.equal(await visitor.signIn('a guess'), 401);
  assert.equal((await visitor.ask('GET', '/console/calls')).status, 401);
  assert.equal(await visitor.signIn(secret), 204);
  const all = await visitor.watch();

  const hangUp = new AbortController();
  const { samples, wide } = await readSoundFile('examples/audio/caller.wav');
  const called = placeScriptedCall(
    {
      target: `sip:voicemail@127.0.0.1:${server.udp}`,
      from: { displayName: '<img src=x onerror=alert(1)>', user: '+14255550100' },
      transport: 'udp',
      steps: [
        { step: 'wait', for: 'beep' },
        {
          step: 'play',
          file: 'caller.wav',
          sound: { samples: samples.slice(0, 24_000), wide: wide?.slice(0, 48_000) },
        },
        { step: 'pause', seconds: 60 },
      ],
      timeoutSeconds: 90,
      signal: hangUp.signal,
    },
    () => {},
  );
  await all.of('call', ({ state }) => state === 'established');
  const [call] = await visitor.get<CallRow[]>('/console/calls');
  assert.ok(call);
  assert.equal(call.caller, '<img src=x onerror=alert(1)>');
  const one = await visitor.watch(`?call=${call.id}`);

  const body = { maxRecordDurationInSeconds: 60, maxSilenceTimeoutInSeconds: 30, prompts: [] };
  const path = `/console/calls/${call.id}/try`;
  const tried = await visitor.ask('POST', path, { method: 'POST', action: 'record', body });
  const { request, response } = (await tried.json()) as Tried;
  assert.deepEqual([request.headers.authorization, response.status], ['Bearer ***', 202]);
  await one.of('trace', (event) => event.kind === 'operation' && event.change === 'recording');
  await one.of('trace', (event) => event.kind === 'heard' && event.what === 'speech');
  // It grows as one looks, though nobody asked for that but by looking.
  await all.of('recording', ({ state, durationMs = 0 }) => state === 'recording' && durationMs > 0);
  const [live] = (await visitor.get<Paged<RecordingRow>>('/console/recordings')).rows;
  const growing = await visitor.ask('GET', `/console/recordings/${live?.id}/content`);
  const piece = await growing.body!.getReader().read();
  assert.equal(Buffer.from(piece.value ?? []).toString('latin1', 0, 4), 'RIFF');

  await all.of('health', ({ packetsPerSecond }) => packetsPerSecond > 0);
  const metrics = await (await fetch(`${server.http}/metrics`)).text();
  assert.match(metrics, /^tonearm_rtp_packets_received_total [1-9]/m);
  await visitor.ask('POST', path, { method: 'DELETE' });
  await called;
  await bot.next('final', isFinalOperation);
  await all.of('recording', ({ state }) => state === 'finished');
  const [finished] = (await visitor.get<Paged<RecordingRow>>('/console/recordings')).rows;
  assert.deepEqual([finished?.ending, finished?.callId], ['operationCanceled', call.id]);
  assert.equal((finished?.endReport as { rule: string } | undefined)?.rule, 'cancelled');
  for (const [format, begins] of [
    ['', 'RIFF'],
    ['?format=flac', 'fLaC'],
  ] as const) {
    const content = await visitor.ask('GET', `/console/recordings/${finished?.id}/content${format}`);
    assert.equal(Buffer.from(await content.arrayBuffer()).toString('latin1', 0, 4), begins);
  }
  const trace = await visitor.get<CallTrace>(`/console/calls/${call.id}`);
  assert.equal(trace.call.state, 'terminated');
  for (const kind of ['sip', 'request', 'notification'])
    assert.ok(
      trace.events.some((event) => event.kind === kind),
      kind,
    );

  assert.equal((await visitor.ask('POST', '/console/sign-out')).status, 204);
  await Promise.all([all.over, one.over]);
  assert.equal((await visitor.ask('GET', '/console/calls')).status, 401);
  assert.equal((await visitor.ask('GET', '/console/events')).status, 401);
  assert.equal(await server.stop(), 0);

  const showing = server.said.filter((line) => line.includes(secret));
  assert.equal(showing.length, 2, 'in the link, and by itself');
  assert.ok(
    showing.every((line) => !line.startsWith('{')),
    'not in the log',
  );
  for (const file of readdirSync(server.dataFolder, { recursive: true, withFileTypes: true }))
    if (file.isFile())
      assert.ok(!readFileSync(join(file.parentPath, file.name), 'latin1').includes(secret), file.name);
});

test('a secret is shown once; the command line makes another, and whoever was signed in is out', async (t) => {
  const first = await startServer();
  const secret = await shownSecret(first);
  await first.stop();
  const { dataFolder } = first;
  const server = await startServer({ dataFolder });
  t.after(() => server.kill());
  await until(() => server.said.some((line) => line.includes('tonearm console secret')));
  assert.ok(!server.said.some((line) => line.includes('#secret=')));
  const visitor = new Visitor(server);
  assert.equal(await visitor.signIn(secret), 204);
  const events = await visitor.watch();
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ['src/main.ts', 'console', 'secret', '--data', dataFolder]);
  const renewed = /^ {2}([\w-]{32})$/m.exec(stdout)?.[1] ?? '';
  await events.over;
  assert.equal((await visitor.ask('GET', '/console/calls')).status, 401);
  assert.equal(await visitor.signIn(secret), 401);
  assert.equal(await visitor.signIn(renewed), 204);
  assert.equal(await server.stop(), 0);
});

test('a stop does not wait for who looks', async (t) => {
  const server = await startServer();
  t.after(() => server.kill());
  const visitor = new Visitor(server);
  await visitor.signIn(await shownSecret(server));
  const events = await visitor.watch();
  assert.equal(await server.stop(), 0);
  await events.over;
});

test('a server for others has no console unless it is told to', async (t) => {
  const listen = '0.0.0.0:0';
  for (const [console, status] of [
    [undefined, 404],
    [{ enabled: true }, 401],
  ] as const) {
    const server = await startServer({ config: { http: { listen }, ...(console && { console }) } });
    t.after(() => server.kill());
    const { port } = new URL(server.http);
    const answer = await fetch(`http://127.0.0.1:${port}/console/session`);
    assert.equal(answer.status, status);
    await answer.arrayBuffer();
    assert.equal(await server.stop(), 0);
    assert.equal(readdirSync(server.dataFolder).includes('console-secret.json'), console !== undefined);
  }
});
