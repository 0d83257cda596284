/** Bots that do not behave, over real sockets and on the virtual clock: what it costs their notifications, and nobody else's. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { notification, openBot, startStaged } from '../../test/support/notifier-stage.ts';
import { type Behaviour, misbehaviours, startRawServer } from '../../test/support/raw-server.ts';
import { settle, type VirtualClock } from '../../test/support/virtual-clock.ts';

const MINUTE = 60_000;

async function served(t: TestContext, behaviour: Behaviour) {
  const server = await startRawServer(behaviour);
  t.after(() => server.close());
  return { server, url: `${server.origin}/calls` };
}

/** Answers every request of a connection with `answer`, after it was given the request's body. */
const answering =
  (answer: string, told: (body: { readonly key: string }) => void = () => {}): Behaviour =>
  (socket, first) => {
    let text = '';
    const read = (chunk: Buffer) => {
      if (socket.destroyed) return;
      text += chunk;
      const [, length = '0', rest = ''] = /content-length: (\d+).*?\r\n\r\n(.*)$/is.exec(text) ?? [];
      if (length === '0' || rest.length < Number(length)) return;
      told(JSON.parse(rest));
      text = '';
      socket.write(answer);
    };
    socket.on('data', read);
    read(first);
  };

const RECEIVED = 'HTTP/1.1 204 No Content\r\n\r\n';
const empty = (status: string, ...headers: string[]) =>
  `HTTP/1.1 ${[status, 'Content-Length: 0', 'Connection: close', ...headers].join('\r\n')}\r\n\r\n`;

for (const [what, behaviour, error] of [
  ['answers 500', answering(empty('500 Oops')), 'answered 500'],
  ['redirects', answering(empty('307 There', 'Location: http://127.0.0.1:1/')), 'answered 307'],
  ['closes the connection', misbehaviours.closes, 'socket hang up'],
  ['resets the connection', misbehaviours.resets, /ECONNRESET/],
  ['does not speak HTTP', misbehaviours.noHttp, /Parse Error/],
  ['switches protocols', misbehaviours.switchesProtocols, /without an answer/],
  ['sends headers without end', misbehaviours.endlessHeaders, /Header overflow/],
  ['sends 1xx without end', misbehaviours.endlessInformational, /1xx without end/],
] as const) {
  test(`a bot that ${what} for an hour is then told everything, in order; another is told at once`, async (t) => {
    const { server, url } = await served(t, behaviour);
    const other = await openBot(t);
    const { clock, notifier, warnings, errors } = startStaged(t);
    for (const key of ['1', '2', '3'])
      for (const lane of ['a', 'b'])
        await notifier.append({ ...notification(url, lane, key), body: JSON.stringify({ lane, key }) });
    const begun = clock.now();
    // The two lanes keep step: each round is an attempt of either.
    for (let round = 0; ; round++) {
      const failed = [await warnings.next(), await warnings.next()];
      assert.match(String(failed[0]?.error), typeof error === 'string' ? new RegExp(error) : error);
      if (clock.now() - begun >= 58 * MINUTE) break;
      await notifier.append(notification(other.url, `other ${round}`, 'one'));
      await other.answerNext(200);
      await clock.advance(Number(failed[0]?.nextAttemptInMs));
    }
    const told: Record<string, string[]> = { a: [], b: [] };
    server.behave(
      answering(RECEIVED, (body) => told[(body as unknown as { lane: string }).lane]?.push(body.key)),
    );
    await clock.advance(MINUTE);
    await Promise.all([notifier.settled('a'), notifier.settled('b')]);
    assert.deepEqual(told, { a: ['1', '2', '3'], b: ['1', '2', '3'] });
    assert.equal(errors.items.length, 0);
  });
}

test('a bot that never answers is given ten seconds each time, for an hour, and then what comes after has its turn', async (t) => {
  const { server, url } = await served(t, misbehaviours.neverAnswers);
  const { clock, notifier, warnings, errors } = startStaged(t);
  await notifier.append(notification(url, 'a', 'one'));
  await notifier.append(notification(url, 'a', 'two'));
  const begun = clock.now();
  let attempts = 0;
  const attempt = async () => {
    await until(() => server.connections > attempts);
    attempts++;
    await clock.advance(10_000);
  };
  while (clock.now() - begun < 60 * MINUTE) {
    await attempt();
    const { error, nextAttemptInMs } = await warnings.next();
    assert.equal(error, 'no answer within 10 s');
    await clock.advance(Number(nextAttemptInMs));
  }
  await attempt();
  assert.equal((await errors.next()).attempts, attempts);
  await attempt();
  await warnings.next();
  const told: string[] = [];
  server.behave(answering(RECEIVED, ({ key }) => void told.push(key)));
  await clock.advance(MINUTE);
  await notifier.settled('a');
  assert.deepEqual(told, ['two']);
});

test('429 with Retry-After holds a call back for so long, in seconds or until a date, and not its neighbours', async (t) => {
  const other = await openBot(t);
  const told: string[] = [];
  let clock: VirtualClock | undefined;
  const at = (ms: number) => new Date((clock?.now() ?? 0) + ms).toUTCString();
  const answers = [
    () => empty('429 Slow down', 'Retry-After: 120'),
    () => empty('429 Slow down', `Retry-After: ${at(300_000)}`),
    () => empty('503 Later', 'Retry-After: soon'),
  ];
  const { url } = await served(t, (socket, first) =>
    answering((answers.shift() ?? (() => RECEIVED))(), ({ key }) => void told.push(key))(socket, first),
  );
  const stage = startStaged(t);
  clock = stage.clock;
  const { notifier, warnings } = stage;
  // Each attempt on a connection of its own, so that each has an answer of its own.
  for (const key of ['one', 'two']) await notifier.append(notification(url, 'a', key));
  for (const pauseMs of [120_000, 300_000, 4000]) {
    assert.equal((await warnings.next()).nextAttemptInMs, pauseMs);
    await notifier.append(notification(other.url, `other ${pauseMs}`, 'one'));
    await other.answerNext(200);
    await clock.advance(pauseMs);
  }
  await notifier.settled('a');
  assert.deepEqual(told, ['one', 'one', 'one', 'one', 'two']);
});

for (const name of ['endlessBody', 'endlessChunks', 'endlessTrailers'] as const) {
  test(`2xx is taken, and of a body of the kind ${name} no more than a little is read`, async (t) => {
    const { server, url } = await served(t, misbehaviours[name]);
    const { notifier, warnings } = startStaged(t);
    await notifier.append(notification(url, 'a', 'one'));
    await notifier.settled('a');
    assert.equal(warnings.items.length, 0);
    // Nearly all of it is in the buffers of the two sockets.
    assert.ok(server.sent < 16_000_000, `${server.sent} bytes`);
  });
}

test('a body that trickles in holds its call up for a second, no longer', async (t) => {
  const { url } = await served(
    t,
    (socket) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1'),
  );
  const { clock, notifier } = startStaged(t);
  await notifier.append(notification(url, 'a', 'one'));
  let isSettled = false;
  const settled = notifier.settled('a').then(() => (isSettled = true));
  // The timer of the attempt, the outbox's two, and that of the trickle.
  await until(() => clock.timers === 4);
  await clock.advance(999);
  assert.equal(isSettled, false);
  await clock.advance(1);
  await settled;
});

test('connections are kept for the next notification; one that the bot has closed meanwhile costs no retry', async (t) => {
  const told: string[] = [];
  let requests = 0;
  const { server, url } = await served(t, (socket, first) => {
    const answer = answering(RECEIVED, ({ key }) => void told.push(key));
    // The third request finds the connection closed.
    socket.prependListener('data', () => {
      if (++requests === 2) socket.resetAndDestroy();
    });
    answer(socket, first);
  });
  const { notifier, warnings } = startStaged(t);
  for (const key of ['one', 'two', 'three', 'four']) await notifier.append(notification(url, 'a', key));
  await notifier.settled('a');
  assert.deepEqual(told, ['one', 'two', 'three', 'four']);
  assert.equal(warnings.items.length, 0);
  assert.ok(server.connections < 4, `${server.connections} connections`);
});

test('a bot at many places, none of which answers, has a bounded number of attempts, and another bot its own', async (t) => {
  const stuck = await Promise.all(Array.from({ length: 5 }, () => served(t, misbehaviours.neverAnswers)));
  const other = await openBot(t);
  const { notifier } = startStaged(t, { concurrencyPerTarget: 2, concurrencyPerApplication: 4 });
  for (const [at, { url }] of stuck.entries())
    for (const lane of ['x', 'y', 'z']) await notifier.append(notification(url, `${lane}${at}`, 'one'));
  const connections = () => stuck.reduce((sum, { server }) => sum + server.connections, 0);
  await until(() => connections() === 4);
  await notifier.append({ ...notification(other.url, 'other', 'one'), applicationId: 'other' });
  await other.answerNext(200);
  await notifier.settled('other');
  assert.equal(connections(), 4);
});

test('a name that nobody resolves is looked up once at a time, and holds up nobody else', async (t) => {
  const looked: string[] = [];
  const other = await openBot(t);
  const { clock, notifier, warnings } = startStaged(t, {
    resolve: (host) => {
      looked.push(host);
      return host === 'quick.example'
        ? Promise.resolve([{ address: '127.0.0.1', family: 4 }])
        : new Promise(() => {});
    },
  });
  for (const lane of ['a', 'b', 'c'])
    await notifier.append(notification('http://slow.example/', lane, 'one'));
  await notifier.append(notification(other.url.replace('127.0.0.1', 'quick.example'), 'quick', 'one'));
  await other.answerNext(200);
  await notifier.settled('quick');
  assert.deepEqual(looked, ['slow.example', 'quick.example']);
  await clock.advance(10_000);
  for (const _ of ['a', 'b', 'c']) assert.equal((await warnings.next()).error, 'no answer within 10 s');
});

test('a callback whose name leads to a private address is not connected to, and is tried again: names move', async (t) => {
  const { server } = await served(t, answering(RECEIVED));
  const addresses = ['10.0.0.1', '127.0.0.1'];
  const { clock, notifier, warnings } = startStaged(t, {
    resolve: async () => [{ address: addresses.shift() ?? '', family: 4 }],
  });
  await notifier.append(notification(`http://moving.example:${server.port}/calls`, 'a', 'one'));
  assert.match(
    String((await warnings.next()).error),
    /moving\.example has the address 10\.0\.0\.1.*callbacks\.allow/,
  );
  assert.equal(server.connections, 0);
  await clock.advance(1000);
  await notifier.settled('a');
  assert.equal(server.connections, 1);
});

test('a callback at a private address is undelivered at once, unless it is the application’s own', async (t) => {
  const { server, url } = await served(t, answering(RECEIVED));
  const { notifier, errors, callbacks } = startStaged(t, {
    loopback: false,
    callbackOf: (id) => (id === 'own' ? url : undefined),
  });
  assert.equal(callbacks.admit(url, undefined).ok, false);
  await notifier.append(notification(url, 'a', 'one'));
  assert.match(String((await errors.next()).error), /127\.0\.0\.1 is not a public address/);
  assert.equal(server.connections, 0);
  await notifier.append({ ...notification(url, 'b', 'one'), applicationId: 'own' });
  await notifier.settled('b');
  assert.equal(server.connections, 1);
});

test('what waits is not in memory: a thousand calls of a bot that does not answer cost next to nothing', async (t) => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const { server, url } = await served(t, misbehaviours.neverAnswers);
  const { notifier } = startStaged(t);
  await notifier.append(notification(url, 'first', 'one'));
  await until(() => server.connections === 1);
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let lane = 0; lane < 1000; lane++)
    await notifier.append({ ...notification(url, `lane ${lane}`, 'one'), body: `"${'x'.repeat(100_000)}"` });
  await until(() => server.connections === 64);
  collect();
  const grown = process.memoryUsage().heapUsed - before;
  // 64 attempts are under way, with 100 kB each; all would be 100 MB.
  assert.ok(grown < 25_000_000, `${grown} bytes`);
});

test('when too many wait, the oldest are undelivered, and when too many are, the oldest are lost: each application its own', async (t) => {
  const { url } = await served(t, misbehaviours.closes);
  const { clock, notifier, outbox, errors } = startStaged(t, { most: { pending: 3, undelivered: 2 } });
  for (const key of ['1', '2', '3', '4', '5', '6', '7', '8'])
    await notifier.append(notification(url, `lane ${key}`, key));
  await notifier.append({ ...notification(url, 'other', 'one'), applicationId: 'other' });
  await clock.advance(MINUTE);
  assert.deepEqual(
    errors.items.map(({ notifications }) => notifications),
    [5, 3],
  );
  const { total, page } = await notifier.undelivered('app', { skip: 0, top: 10 });
  assert.deepEqual([total, ...page.map(({ key }) => key)], [2, '4', '5']);
  assert.deepEqual([...outbox.lanes()].sort(), ['lane 6', 'lane 7', 'lane 8', 'other']);
});

/** Lets sockets work until it is so. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await settle();
}
