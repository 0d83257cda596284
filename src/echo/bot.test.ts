import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { APPLICATION, setStage } from '../../test/support/call-stage.ts';
import { directoryOf } from '../../test/support/directory.ts';
import type { ScriptedRun } from '../../test/support/scripted-engine.ts';
import { settle } from '../../test/support/virtual-clock.ts';
import { silentLog } from '../log.ts';
import { createOwnSounds } from '../media/own-sounds.ts';
import type { OpenRecording } from '../recording/library.ts';
import { pcmWavHeader } from '../wire/wav.ts';
import { withEcho } from './application.ts';
import { startEcho } from './bot.ts';

/** A WAV file of so many samples at 8 kHz. */
const wav = (samples: number) => Buffer.concat([pcmWavHeader(8000, samples), Buffer.alloc(2 * samples)]);
const GREETING = 800;
const SAID = 1600;

/** A node whose calls the echo bot takes. */
async function echoStage(
  t: TestContext,
  { greeting = wav(GREETING), recorded = wav(SAID) }: { greeting?: Buffer; recorded?: Buffer } = {},
) {
  const folder = mkdtempSync(join(tmpdir(), 'tonearm-echo-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'greeting.wav'), greeting);
  const asked: string[] = [];
  const others = async ({ uri }: { readonly uri: string }) => {
    asked.push(uri);
    return { ok: false, why: 'unavailable', message: 'there is none' } as const;
  };
  const sounds = createOwnSounds({ get: others }, false);
  const stage = setStage({ prompts: sounds, applications: withEcho(directoryOf([APPLICATION]), ['*']) });
  const deleted: string[] = [];
  const finished = { state: 'finished', bytes: recorded.length } as Extract<
    OpenRecording,
    { state: 'finished' }
  >;
  const echo = startEcho({
    cluster: stage.cluster,
    ask: stage.calls.ask,
    recordings: {
      async open() {
        return {
          ...finished,
          async *read(from, to) {
            yield recorded.subarray(from, to);
          },
        };
      },
      async delete(id) {
        deleted.push(id);
        return true;
      },
    },
    sounds,
    greeting: join(folder, 'greeting.wav'),
    log: silentLog,
  });
  return {
    ...stage,
    echo,
    deleted,
    asked,
    /** A call that stands. */
    async called() {
      const caller = await stage.ring({ to: 'sip:echo@tonearm.example' });
      await until(() => caller.dialog !== undefined);
      caller.dialog!.acknowledge();
      return caller;
    },
    /** The record operation that runs as the `number`th of the call. */
    async message(number: number): Promise<ScriptedRun> {
      await until(() => stage.engine.line.runs.length >= number);
      return stage.engine.line.runs[number - 1]!;
    },
  };
}

/** Files are read meanwhile: that takes as long as it takes. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await settle();
}

/** How long what a record plays first is, in samples; `undefined`: it plays nothing. */
async function played(run: ScriptedRun): Promise<number | undefined> {
  const audio = await run.prompts[0];
  return audio?.ok ? audio.samples.length : undefined;
}

test('a caller is greeted, leaves a message, hears it, and leaves the next one', async (t) => {
  const { called, message, told, deleted, asked } = await echoStage(t);
  await called();
  const first = await message(1);
  assert.equal(await played(first), GREETING);
  first.record(8000);
  first.end('maxSilence');
  const second = await message(2);
  assert.equal(await played(second), SAID);
  second.record(8000);
  second.end('stopTone');
  assert.equal(await played(await message(3)), SAID);
  assert.deepEqual(deleted, ['recording-1', 'recording-2']);
  assert.deepEqual(asked, []);
  assert.deepEqual(told().slice(0, 4), [
    'created incoming',
    'updated establishing',
    'updated established audio',
    'deleted record completed maxSilence with recording',
  ]);
});

test('speech breaks into the greeting, and not into what the caller said', async (t) => {
  const { called, message } = await echoStage(t);
  await called();
  const first = await message(1);
  first.record(8000);
  first.end('maxSilence');
  const barges = [first, await message(2)].map(({ spec }) => spec.bargeIn);
  assert.deepEqual(barges, [true, false]);
});

test('who says nothing is greeted again, and hung up on after the third time', async (t) => {
  const { called, message } = await echoStage(t);
  const caller = await called();
  for (const number of [1, 2, 3]) {
    const run = await message(number);
    assert.equal(await played(run), GREETING);
    run.end('initialSilence');
  }
  await until(() => caller.sent.includes('bye'));
});

test('a prompt that fails and a recording that cannot be read are passed over', async (t) => {
  const { called, message } = await echoStage(t, { recorded: Buffer.from('no audio') });
  const caller = await called();
  (await message(1)).end('promptFailed');
  const second = await message(2);
  second.record(8000);
  second.end('maxSilence');
  const third = await message(3);
  assert.equal(await played(third), GREETING);
  third.end('error');
  await until(() => caller.sent.includes('bye'));
});

test('without its greeting it beeps only', async (t) => {
  const { called, message } = await echoStage(t, { greeting: Buffer.from('no audio') });
  await called();
  const { prompts, spec } = await message(1);
  assert.deepEqual([prompts.length, spec.kind === 'record' && spec.beep], [0, true]);
});

test('a caller may hang up anywhere: nothing of the call is left', async (t) => {
  const stage = await echoStage(t);
  const gone = () => stage.calls.active === 0;
  const early = stage.userAgent.ring({ to: 'sip:echo@tonearm.example' });
  early.cancel();
  await until(() => stage.facts.length > 0 && gone());

  (await stage.called()).dialog?.hangUp();
  await until(gone);

  const speaking = await stage.called();
  await until(() => stage.engine.line.runs.length > 0);
  stage.engine.line.running.record(8000);
  speaking.dialog?.hangUp();
  await until(() => gone() && stage.deleted.length > 0);

  const listening = await stage.called();
  (await stage.message(1)).record(8000);
  stage.engine.line.running.end('maxSilence');
  await stage.message(2);
  listening.dialog?.hangUp();
  await until(gone);
  await stage.echo.stop();
  assert.equal(stage.deleted.length, 2);
});

test('a bot that is stopped ends its part in calls that still stand', async (t) => {
  const { called, message, echo } = await echoStage(t);
  const caller = await called();
  await message(1);
  await echo.stop();
  await until(() => caller.sent.includes('bye'));
});

test('a message that an earlier process left is removed', async (t) => {
  const before = await echoStage(t);
  await before.called();
  const run = await before.message(1);
  run.record(8000);
  const left = before.lastCall();
  const { deleted, cluster } = await echoStage(t);
  const operation = {
    id: 'operation',
    callId: left.id,
    recording: { location: 'http://tonearm/recordings/left-behind', accessToken: 'token' },
  } as Extract<Parameters<typeof cluster.publish>[0], { kind: 'operation' }>['operation'];
  await cluster.publish({ kind: 'operation', change: 'deleted', call: left, operation });
  assert.deepEqual(deleted, ['left-behind']);
});
