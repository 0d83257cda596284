/** Bots that misbehave, and what bots may not reach, on a whole server in a process of its own. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Bot, callPath, isState, startBot } from '../support/bot.ts';
import { freeTcpPort } from '../support/free-port.ts';
import { misbehaviours, startRawServer } from '../support/raw-server.ts';
import { APP, startServer, type TestServer } from '../support/server.ts';

/** A call to where nobody listens: three notifications, and it is over. */
async function placeCall(bot: Bot, server: TestServer, callbackUri: string): Promise<Response> {
  const target = `sip:nobody@127.0.0.1:${await freeTcpPort()};transport=tcp`;
  return bot.act(server.http, 'POST', '/app/calls', {
    callbackUri,
    targets: [{ identity: { user: { id: target } } }],
  });
}

const isOf = (id: string) => (one: { readonly resource: string }) => one.resource.includes(id);

test('what a bot would not take is listed, over HTTP and on the command line, and comes when it is sent again', async () => {
  const bot = await startBot();
  const bad = await startRawServer(misbehaviours.closes);
  const server = await startServer({
    config: { notifications: { retryFor: '1s' } },
    callbackUri: bot.callbackUri,
  });
  const command = (...args: readonly string[]) => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['src/main.ts', 'undelivered', ...args, '--data', server.dataFolder],
      { cwd: join(import.meta.dirname, '../..'), encoding: 'utf8' },
    );
    return { status, stdout, stderr };
  };
  try {
    const placed = await placeCall(bot, server, `${bad.origin}/calls?code=hush`);
    assert.equal(placed.status, 201);
    const { id: callId } = (await placed.json()) as { id: string };
    const isUndelivered = 'a notification is undelivered: given up, the ones after it go on';
    await server.loggedTimes(isUndelivered, 3);

    const overHttp = (await (
      await fetch(`${server.http}/undelivered`, {
        headers: { authorization: `Bearer ${await bot.token(server.http)}` },
      })
    ).json()) as { value: { id: string; callId: string; sequence: number }[] };
    assert.deepEqual(
      overHttp.value.map((one) => [one.callId, one.sequence]),
      [
        [callId, 1],
        [callId, 2],
        [callId, 3],
      ],
    );
    const listed = command('list', '--json');
    assert.equal(listed.status, 0, listed.stderr);
    const rows = JSON.parse(listed.stdout) as { id: string; callbackUri: string; applicationId: string }[];
    assert.deepEqual(
      rows.map(({ id }) => id),
      overHttp.value.map(({ id }) => id),
    );
    assert.deepEqual([rows[0]?.applicationId, rows[0]?.callbackUri], [APP.id, `${bad.origin}/calls?***`]);
    assert.match(command('list').stdout, new RegExp(`number 1 of call ${callId}`));
    assert.doesNotMatch(command('list').stdout + listed.stdout, /hush/);
    assert.match(command('list', '--application', APP.tenantId).stdout, /Every notification was received/);

    const refused = command('resend', APP.id);
    assert.deepEqual([refused.status, refused.stdout], [1, '']);
    assert.match(refused.stderr, new RegExp(`No such notification is undelivered: ${APP.id}`));
    assert.match(command('resend').stderr, /Give the ids/);

    // The bot is well again, at the same place.
    const well: string[] = [];
    bad.behave((socket, first) => {
      well.push(/tonearm-notification-id: (\S+)/i.exec(first.toString())?.[1] ?? '');
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    });
    assert.match(command('resend', rows[1]?.id ?? '').stdout, /To be sent again: 1\./);
    while (well.length < 1) await new Promise((resolve) => setImmediate(resolve));
    assert.match(command('resend', '--all').stdout, /To be sent again: 2\./);
    while (well.length < 3) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(well, [rows[1]?.id, rows[0]?.id, rows[2]?.id]);
    assert.match(command('list').stdout, /Every notification was received/);
  } finally {
    assert.equal(await server.stop(), 0);
    await Promise.all([bot.close(), bad.close()]);
  }
});

for (const name of [
  'neverAnswers',
  'endlessHeaders',
  'endlessBody',
  'resets',
  'switchesProtocols',
] as const) {
  test(`eighty calls of a bot of the kind ${name} hold up neither another bot nor the API`, async () => {
    const bot = await startBot();
    const bad = await startRawServer(misbehaviours[name]);
    const other = { ...APP, id: '11111111-1111-1111-1111-111111111111' };
    const server = await startServer({
      config: {
        applications: [
          { ...APP, callbackUri: bot.callbackUri, routes: ['*'] },
          { ...other, callbackUri: bad.origin, routes: [] },
        ],
      },
      callbackUri: bot.callbackUri,
    });
    try {
      for (let call = 0; call < 80; call++)
        assert.equal((await placeCall(bot, server, `${bad.origin}/calls`)).status, 201);
      const placed = await placeCall(bot, server, bot.callbackUri);
      const { id } = (await placed.json()) as { id: string };
      const ended = await bot.next(
        'the end of the call',
        (one) => isOf(id)(one) && isState('terminated')(one),
      );
      assert.equal((await bot.act(server.http, 'GET', callPath(ended))).status, 404);
      assert.equal((await fetch(`${server.http}/readyz`)).status, 200);
      assert.ok(bad.connections > 0);
    } finally {
      assert.equal(await server.stop(), 0);
      await Promise.all([bot.close(), bad.close()]);
    }
  });
}

test('a server for others than this machine tells no bot on it, however its address is spelt; the configured bot it does', async () => {
  const bot = await startBot();
  const secret = await startRawServer(misbehaviours.neverAnswers);
  const listen = `127.0.0.1:${await freeTcpPort()}`;
  const server = await startServer({
    config: { http: { listen, publicUrl: 'http://calls.example.com' } },
    callbackUri: bot.callbackUri,
  });
  try {
    const here = { ...server, http: `http://${listen}` };
    for (const host of [
      ...['127.0.0.1', 'localhost', '2130706433', '0x7f.1', '0177.0.0.1', '127.0.0.1.', '[::ffff:127.0.0.1]'],
      ...['１２７.0.0.1', '[::1]', '0', 'localhost.'],
    ]) {
      const reply = await placeCall(bot, here, `http://${host}:${secret.port}/calls`);
      // A name is judged when it is connected to.
      assert.equal(reply.status, host.startsWith('localhost') ? 201 : 400, host);
      await reply.body?.cancel();
    }
    const placed = await placeCall(bot, here, `${bot.origin}/elsewhere`);
    assert.equal(placed.status, 201);
    const { id } = (await placed.json()) as { id: string };
    await bot.next('the end of the call', (one) => isOf(id)(one) && isState('terminated')(one));
    await server.loggedTimes('a notification was not received: it is tried again', 2);
    assert.match(
      JSON.stringify(server.log),
      /localhost has the address (127\.0\.0\.1|::1), which is not a public/,
    );
    assert.equal(secret.connections, 0);
  } finally {
    assert.equal(await server.stop(), 0);
    await Promise.all([bot.close(), secret.close()]);
  }
});
