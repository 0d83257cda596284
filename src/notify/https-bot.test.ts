import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { CERTIFICATE, KEY, trustCertificate } from '../../test/support/certificate.ts';
import { notification, startStaged } from '../../test/support/notifier-stage.ts';

test('a bot over https: is told when its certificate is trusted and names it, and by a connection that is kept', async (t) => {
  const told: string[] = [];
  let connections = 0;
  const bot = createServer({ key: KEY, cert: CERTIFICATE }, async (request, response) => {
    for await (const chunk of request) told.push(String(chunk));
    response.end();
  });
  bot.on('secureConnection', () => connections++).listen(0, '127.0.0.1');
  await once(bot, 'listening');
  t.after(() => {
    bot.closeAllConnections();
    bot.close();
  });
  const { port } = bot.address() as AddressInfo;
  const { clock, notifier, warnings } = startStaged(t, {
    resolve: async () => [{ address: '127.0.0.1', family: 4 }],
  });
  await notifier.append(notification(`https://localhost:${port}/calls`, 'a', 'one'));
  const { error, nextAttemptInMs } = await warnings.next();
  assert.match(String(error), /self-signed certificate/);
  await notifier.append(notification(`https://bot.example:${port}/calls`, 'other', 'one'));
  await warnings.next();

  trustCertificate();
  await notifier.append(notification(`https://localhost:${port}/calls`, 'a', 'two'));
  await clock.advance(Number(nextAttemptInMs));
  await notifier.settled('a');
  assert.deepEqual(told, ['{"key":"one"}', '{"key":"two"}']);
  assert.equal(connections, 1);
  assert.match(String((await warnings.next()).error), /Host: bot\.example\. is not in the cert/);
});
