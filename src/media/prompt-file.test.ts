import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { readPromptFile } from './prompt-file.ts';
import { readPromptRules } from './prompt-rules.ts';

const CONTENT = Buffer.from('what stands in the file');

const folder = mkdtempSync(join(tmpdir(), 'tonearm-prompt-files-'));
after(() => rmSync(folder, { recursive: true }));

async function assertReads(uri: string, allow: string[]): Promise<void> {
  const fetched = await readPromptFile(uri, readPromptRules(allow, folder), 100);
  assert.ok(fetched.ok, fetched.ok ? '' : fetched.message);
  assert.deepEqual(Buffer.from(fetched.bytes), CONTENT);
}

async function assertFails(uri: string, allow: string[], message: RegExp, maxBytes = 100): Promise<void> {
  const fetched = await readPromptFile(uri, readPromptRules(allow, folder), maxBytes);
  assert.ok(!fetched.ok, `${uri} was read`);
  assert.match(fetched.message, message);
}

test('file: reads from the listed folders only, absolute or from the config’s folder', async () => {
  mkdirSync(join(folder, 'prompts/sub'), { recursive: true });
  writeFileSync(join(folder, 'prompts/sub/grüße 1.wav'), CONTENT);
  writeFileSync(join(folder, 'outside.wav'), CONTENT);
  const allow = ['file:./prompts'];
  await assertReads('file:./prompts/sub/gr%C3%BC%C3%9Fe%201.wav', allow);
  await assertReads(pathToFileURL(join(folder, 'prompts/sub/grüße 1.wav')).href, allow);
  const outside = /not in a folder that prompts\.allow lists/;
  for (const uri of [
    'file:./outside.wav',
    'file:./prompts/../outside.wav',
    'file:./prompts/%2e%2e/outside.wav',
    'file:./prompts/..%2foutside.wav',
    pathToFileURL(join(folder, 'outside.wav')).href,
    'file:///etc/passwd',
    'file:./prompts',
    'file:./promptsX/a.wav',
    'file:',
  ])
    await assertFails(uri, allow, outside);
  for (const uri of [`file://${folder}/prompts/..%2foutside.wav`, 'file://elsewhere/a.wav', 'file:%'])
    await assertFails(uri, allow, /names no file: write file:/);
  await assertFails('file:./prompts/a%00.wav', allow, /cannot be read/);
  await assertFails('file:./prompts/missing.wav', allow, /there is no such file/);
  await assertFails('file:./prompts/sub', allow, /it is not a file/);
  await assertFails(
    'file:./prompts/sub/gr%C3%BC%C3%9Fe%201.wav',
    allow,
    /has 23 bytes; 10 are the limit/,
    10,
  );
});

test('neither a link nor a pipe in a listed folder leads anywhere', async () => {
  const listed = join(folder, 'links');
  mkdirSync(listed);
  writeFileSync(join(folder, 'secret.wav'), CONTENT);
  writeFileSync(join(listed, 'here.wav'), CONTENT);
  symlinkSync(join(folder, 'secret.wav'), join(listed, 'out.wav'));
  symlinkSync(folder, join(listed, 'up'));
  symlinkSync(join(listed, 'here.wav'), join(listed, 'within.wav'));
  execFileSync('mkfifo', [join(listed, 'pipe.wav')]);
  const allow = [pathToFileURL(listed).href];
  await assertFails('file:./links/out.wav', allow, /link that leads out/);
  await assertFails('file:./links/up/secret.wav', allow, /link that leads out/);
  await assertFails('file:./links/pipe.wav', allow, /it is not a file/);
  await assertReads('file:./links/within.wav', allow);
});

test('a listed folder may itself be a link', async () => {
  mkdirSync(join(folder, 'real'));
  writeFileSync(join(folder, 'real/a.wav'), CONTENT);
  symlinkSync(join(folder, 'real'), join(folder, 'alias'));
  await assertReads('file:./alias/a.wav', ['file:./alias']);
});

/** Puts a link to elsewhere in the place of a folder, and the folder back, as fast as it can, until it is told to stop. */
const SWITCHING = `
  const { renameSync, symlinkSync, unlinkSync } = require('node:fs');
  const { workerData, parentPort } = require('node:worker_threads');
  const { folder, elsewhere, stop } = workerData;
  parentPort.postMessage('begun');
  while (Atomics.load(stop, 0) === 0) {
    renameSync(folder, folder + '.away');
    symlinkSync(elsewhere, folder);
    unlinkSync(folder);
    renameSync(folder + '.away', folder);
  }
`;

test('a folder that becomes a link between look and open gains nothing', async () => {
  const listed = join(folder, 'switched');
  const elsewhere = join(folder, 'not-listed');
  for (const [place, content] of [
    [join(listed, 'now'), CONTENT],
    [elsewhere, Buffer.from('the secret')],
  ] as const) {
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, 'a.wav'), content);
  }
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const workerData = { folder: join(listed, 'now'), elsewhere, stop };
  const switcher = new Worker(SWITCHING, { eval: true, workerData });
  try {
    await once(switcher, 'message');
    const rules = readPromptRules([pathToFileURL(listed).href], folder);
    for (let time = 0; time < 2000; time++) {
      const fetched = await readPromptFile('file:./switched/now/a.wav', rules, 100);
      if (fetched.ok) assert.deepEqual(Buffer.from(fetched.bytes), CONTENT);
    }
  } finally {
    Atomics.store(stop, 0, 1);
    await once(switcher, 'exit');
  }
});
