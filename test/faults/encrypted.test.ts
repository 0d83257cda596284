import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { deflateSync } from 'node:zlib';
import { readSound } from '../support/audio.ts';
import { callPath, isFinalOperation, isState, startBot } from '../support/bot.ts';
import { pcapFile, speechPackets } from '../support/pcap.ts';
import { dial, play, scenario, wait } from '../support/scenarios.ts';
import { startServer } from '../support/server.ts';
import { runSipp } from '../support/sipp.ts';
import { missing } from '../support/tools.ts';

const skip = missing('/usr/bin/sipp', '/usr/bin/sox');

test('a server with a master key keeps no audio in clear, not even when it is killed', {
  skip,
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tonearm-encrypted-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const bot = await startBot();
  t.after(() => bot.close());
  const keyFile = join(folder, 'keys');
  const keys = [0, 1].map(() => randomBytes(32).toString('base64'));
  const logs: unknown[] = [];
  /** On what the one before left. */
  const start = async (dataFolder: string | undefined, ...lines: (string | undefined)[]) => {
    writeFileSync(keyFile, lines.join('\n'), { mode: 0o600 });
    const config = { recordings: { encryption: { keyFile } } };
    const server = await startServer({
      config,
      callbackUri: bot.callbackUri,
      ...(dataFolder !== undefined && { dataFolder }),
    });
    t.after(() => server.kill());
    logs.push(server.log);
    return server;
  };

  const first = await start(undefined, keys[0]);
  const { dataFolder } = first;
  const calling = runSipp({
    port: first.udp,
    scenario: scenario(dial(), play('caller.pcap'), wait(6000)),
    files: { 'caller.pcap': pcapFile(speechPackets(readSound('examples/audio/caller.wav'))) },
  });
  const call = callPath(await bot.next('incoming', isState('incoming')));
  await bot.act(first.http, 'POST', `${call}/answer`, { callbackUri: bot.callbackUri });
  await bot.next('established', isState('established'));
  const how = { playBeep: false, streamWhileRecording: true, maxSilenceTimeoutInSeconds: 30 };
  await bot.act(first.http, 'POST', `${call}/record`, { ...how, maxRecordDurationInSeconds: 60 });
  const { resourceData } = await bot.next('running', (one) => one.resourceData.status === 'running');
  const authorization = `Bearer ${resourceData.recordResourceAccessToken}`;
  const path = new URL(resourceData.recordResourceLocation).pathname;
  const get = (server: { http: string }, method = 'GET', headers = {}) =>
    fetch(server.http + path, { method, headers: { authorization, ...headers } });

  const live: Uint8Array[] = [];
  for await (const piece of (await get(first)).body ?? []) {
    live.push(piece);
    if (Buffer.concat(live).length > 44 + 2.5 * 32_000) break;
  }
  const heard = Buffer.concat(live).subarray(44, -64);
  assertPrivate(dataFolder);
  assertEncrypted(join(dataFolder, 'recordings', 'spool'), '.pcm');
  await first.kill();
  await calling;

  const second = await start(dataFolder, keys[0]);
  await bot.next('final operation', isFinalOperation);
  const recovered = Buffer.from(await (await get(second)).arrayBuffer());
  assert.ok(recovered.subarray(44, 44 + heard.length).equals(heard), 'what was heard live is in it');
  assertEncrypted(join(dataFolder, 'recordings', 'finished'), '.wav');
  assertPrivate(dataFolder);
  assert.equal(await second.stop(), 0);

  const wrong = await start(dataFolder, keys[1]);
  const refused = await get(wrong);
  assert.equal(refused.status, 500);
  assert.match(JSON.stringify(wrong.log), /recordings cannot be read.*takes master key [0-9a-f]{16}/s);
  assert.equal(await wrong.stop(), 0);

  const rotated = await start(dataFolder, keys[1], keys[0]);
  await rotated.logged('keys of recordings were wrapped with the first master key');
  const part = await get(rotated, 'GET', { range: 'bytes=65530-65545' });
  assert.equal(part.status, 206);
  assert.ok(recovered.subarray(65_530, 65_546).equals(Buffer.from(await part.arrayBuffer())));
  assert.equal(await rotated.stop(), 0);
  const wrapped = /"wrapped":"([^"]+)"/.exec(database(dataFolder))?.[1];
  assert.ok(wrapped !== undefined);

  const last = await start(dataFolder, keys[1]);
  assert.equal((await get(last, 'DELETE')).status, 204);
  assert.equal(await last.stop(), 0);
  assert.deepEqual(readdirSync(join(dataFolder, 'recordings', 'finished')), []);
  assert.equal(database(dataFolder).includes(wrapped), false, 'its key is gone');
  const text = JSON.stringify(logs);
  for (const key of keys) assert.equal(text.includes(key), false, 'keys are not logged');
});

const database = (dataFolder: string) => readFileSync(join(dataFolder, 'tonearm.db'), 'latin1');

/** Databases and their journals too. */
function assertPrivate(dataFolder: string): void {
  const names = readdirSync(dataFolder, { recursive: true, encoding: 'utf8' });
  for (const name of ['tonearm.db', 'tonearm.db-wal', 'tonearm.db-shm', 'outbox.db', 'outbox.db-wal'])
    assert.ok(names.includes(name), name);
  for (const name of ['.', ...names])
    assert.equal(statSync(join(dataFolder, name)).mode & 0o077, 0, `${name} is its owner's only`);
}

/** Audio is smaller when it is compressed. */
function assertEncrypted(folder: string, suffix: string): void {
  const names = readdirSync(folder).filter((name) => name.endsWith(suffix));
  assert.equal(names.length, 1);
  for (const name of names) {
    const content = readFileSync(join(folder, name));
    assert.equal(content.toString('latin1', 0, 7), 'TONEARM');
    assert.ok(content.length > 20_000 && deflateSync(content).length >= content.length, name);
  }
}
