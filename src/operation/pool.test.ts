/** Real worker threads, real RTP on loopback. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { locate, toneShare } from '../../test/support/audio.ts';
import { openBrowserPeer } from '../../test/support/browser-peer.ts';
import { promptSpec, recordSpec } from '../../test/support/operation-stage.ts';
import { freePorts, HERE, listener, poolStage, syllables, towards } from '../../test/support/pool-stage.ts';
import { samples } from '../../test/support/scripted-line.ts';
import { VirtualClock } from '../../test/support/virtual-clock.ts';
import { silentLog } from '../log.ts';
import { BEEP_HZ } from '../media/beep.ts';
import { audioOf } from '../media/line.ts';
import type { RtpLine } from '../media/rtp-line.ts';
import type { PromptDelivery } from './operation.ts';
import { openPool, startSpoolThread } from './pool.ts';

const never = new AbortController().signal;
const quick = { beep: false, maxSilenceMs: 60_000, initialSilenceMs: 60_000 };

/** A tone, shared between threads as prompts are. */
function shared(ms: number, hertz: number): PromptDelivery {
  const audio = new Int16Array(new SharedArrayBuffer(samples(ms) * 2));
  for (let index = 0; index < audio.length; index++)
    audio[index] = 8000 * Math.sin((2 * Math.PI * hertz * index) / 8000);
  return { ok: true, samples: audio };
}

/** Everything that a caller hears until `stop`. */
async function heardBy(phone: RtpLine, stop: AbortSignal): Promise<Int16Array> {
  const heard: number[] = [];
  await phone.listen({ hear: (frame) => void heard.push(...audioOf(frame)) }, { signal: stop });
  return Int16Array.from(heard);
}

/** Milliseconds of frames in which `hertz` prevails. */
const toneMs = (heard: Int16Array, hertz: number) =>
  Array.from({ length: Math.floor(heard.length / 160) }, (_, frame) =>
    toneShare(heard.subarray(frame * 160, frame * 160 + 160), hertz),
  ).filter((share) => share > 0.8).length * 20;

test('a call is prompted, beeped at and recorded; the stop tone ends it and is not in it', async (t) => {
  const stage = await poolStage(t);
  const line = await stage.pool.openLine({ callId: 'c1' });
  const phone = await stage.call(line);
  const { told, tell, until } = listener();
  const spec = stage.record('r1', {
    prompts: [{ audio: 0, times: 2 }],
    beep: true,
    stopTones: ['#'],
    maxSilenceMs: 5000,
  });
  const run = line.run(spec, [Promise.resolve(shared(200, 400))], tell);
  const hangUp = new AbortController();
  const heard = heardBy(phone, hangUp.signal);
  await until('recording');
  const speech = syllables(1000);
  await phone.play(speech, { signal: never });
  await phone.sendKeys(['#'], { signal: never });
  const end = await run.ended;
  hangUp.abort();

  assert.equal(end.by, 'stopTone');
  assert.equal(end.keys, '#');
  assert.equal(end.take?.spoken, true);
  const taken = await stage.spooled('r1');
  assert.equal(taken.length, end.take?.samples);
  const found = locate(speech, taken);
  assert.ok(found.correlation > 0.98, `correlation ${found.correlation}`);
  assert.ok(Math.abs(taken.length - (found.offset + speech.length)) <= 160, 'it ends where the key began');
  const audible = await heard;
  assert.ok(Math.abs(toneMs(audible, 400) - 400) <= 40, `${toneMs(audible, 400)} ms of the prompt`);
  assert.ok(Math.abs(toneMs(audible, BEEP_HZ) - 300) <= 40, `${toneMs(audible, BEEP_HZ)} ms of the beep`);
  const phases = told.map(({ phase }) => phase).filter((phase) => phase !== 'grown');
  assert.deepEqual(phases, ['running', 'prompt', 'beep', 'recording', 'speech']);
  assert.deepEqual(told.at(-1), { phase: 'grown', samples: taken.length });
  await line.close();
});

test('a browser that ends DTLS has lost its line, and nobody else has', async (t) => {
  const stage = await poolStage(t);
  const line = await stage.pool.openLine({ callId: 'c1', secure: true });
  const other = await stage.pool.openLine({ callId: 'c2', secure: true });
  const peer = await openBrowserPeer();
  t.after(() => peer.close());
  const nowhere = { address: '', port: 0, rtcpPort: 0 };
  line.connect({ ...towards(0), remote: nowhere, secure: peer.parameters });
  const lost = once(line.lost, 'abort');
  await peer.check(line.port);
  await peer.secure(line.port);
  peer.abandon(line.port);
  await lost;
  assert.deepEqual(line.lost.reason, { by: 'failed', message: 'The far end ended DTLS with alert 80.' });
  assert.equal(other.lost.aborted, false);
  await line.close();
});

test('keys are told while a prompt plays that they do not break into; muted, it goes by as silence', async (t) => {
  const stage = await poolStage(t);
  const line = await stage.pool.openLine({ callId: 'c1' });
  const phone = await stage.call(line);
  const keys: string[] = [];
  const pressed = Promise.withResolvers<void>();
  line.watchKeys((key) => {
    keys.push(key);
    if (key === '#') pressed.resolve();
  });
  line.mute(true);
  const hangUp = new AbortController();
  const heard = heardBy(phone, hangUp.signal);
  const run = line.run(promptSpec({ loop: true }), [Promise.resolve(shared(200, 400))], () => {});
  await phone.sendKeys(['4', '4', '#'], { signal: never });
  await pressed.promise;
  run.cancel();
  hangUp.abort();
  assert.equal((await run.ended).by, 'cancelled');
  assert.deepEqual(keys, ['4', '4', '#']);
  assert.equal(toneMs(await heard, 400), 0);
});

test('speech breaks into a prompt for ever, and is recorded from its onset', async (t) => {
  const stage = await poolStage(t);
  const line = await stage.pool.openLine({ callId: 'c1' });
  const phone = await stage.call(line);
  const { told, tell, until } = listener();
  const spec = stage.record('r1', {
    prompts: [{ audio: 0, times: Infinity }],
    bargeIn: true,
    beep: true,
    maxSilenceMs: 400,
  });
  const run = line.run(spec, [Promise.resolve(shared(300, 400))], tell);
  await until('prompt');
  const speech = syllables(1000);
  await phone.play(speech, { signal: never });
  assert.equal((await run.ended).by, 'maxSilence');
  assert.ok(told.some((progress) => progress.phase === 'bargeIn' && progress.by === 'speech'));
  assert.ok(!told.some(({ phase }) => phase === 'beep'));
  const found = locate(speech, await stage.spooled('r1'));
  assert.ok(found.correlation > 0.98 && found.offset > -160, `at ${found.offset}: ${found.correlation}`);
});

test('a hang-up ends what runs and what waits; the take is on disk when close resolves', async (t) => {
  const stage = await poolStage(t);
  const line = await stage.pool.openLine({ callId: 'c1' });
  const phone = await stage.call(line);
  const { tell, until } = listener();
  const runs = line.run(stage.record('r1', quick), [], tell);
  const waits = line.run(stage.record('r2', quick), [], () => {});
  void phone.play(syllables(2000), { signal: never });
  await until('speech');
  const ended: string[] = [];
  void runs.ended.then(() => ended.push('runs'));
  void waits.ended.then(() => ended.push('waits'));
  await Promise.all([line.close(), line.close()]);
  assert.deepEqual(ended.sort(), ['runs', 'waits'], 'before close resolves');
  const end = await runs.ended;
  assert.equal(end.by, 'hangUp');
  assert.equal((await stage.spooled('r1')).length, end.take?.samples);
  assert.deepEqual(await waits.ended, { by: 'hangUp' });
  assert.deepEqual(await line.run(recordSpec(), [], () => {}).ended, { by: 'hangUp' });
});

test('cancelled, running or waiting, from the main thread', async (t) => {
  const stage = await poolStage(t);
  const line = await stage.pool.openLine({ callId: 'c1' });
  const { tell, until } = listener();
  const runs = line.run(promptSpec(), [new Promise(() => {})], tell);
  const waits = line.run(promptSpec(), [new Promise(() => {})], () => {});
  const next = line.run(promptSpec({ prompts: [] }), [], () => {});
  await until('running');
  waits.cancel();
  assert.deepEqual(await waits.ended, { by: 'cancelled' });
  runs.cancel();
  runs.cancel();
  assert.equal((await runs.ended).by, 'cancelled');
  assert.equal((await next.ended).by, 'finished');
  next.cancel();
});

test('a prompt that could not be fetched, and one whose delivery rejects, fail the operation', async (t) => {
  const stage = await poolStage(t);
  const line = await stage.pool.openLine({ callId: 'c1' });
  const gone: PromptDelivery = { ok: false, why: 'undecodable', message: 'not audio' };
  const first = await line.run(promptSpec(), [Promise.resolve(gone)], () => {}).ended;
  assert.deepEqual([first.by, first.message], ['promptUndecodable', 'not audio']);
  const second = await line.run(promptSpec(), [Promise.reject(new Error('lost'))], () => {}).ended;
  assert.deepEqual([second.by, second.message], ['promptUnavailable', 'lost']);
});

test('lines go to the worker with the fewest, each in its share of the ports, until all are taken', async (t) => {
  const stage = await poolStage(t, { workers: 2, pairs: 4 });
  const half = stage.ports.min + 4;
  const lines = [await stage.pool.openLine({ callId: '1' }), await stage.pool.openLine({ callId: '2' })];
  assert.deepEqual(lines.map(({ port }) => port < half).sort(), [false, true]);
  lines.push(await stage.pool.openLine({ callId: '3' }), await stage.pool.openLine({ callId: '4' }));
  assert.equal(new Set(lines.map(({ port }) => port)).size, 4);
  await assert.rejects(stage.pool.openLine({ callId: '5' }), { code: 'noPorts' });
  await lines[0]!.close();
  assert.equal((await stage.pool.openLine({ callId: '6' })).port, lines[0]!.port);
});

test('a full share does not refuse a line while another worker has ports', async (t) => {
  const stage = await poolStage(t, { workers: 2, pairs: 3 });
  const lines = [];
  for (let call = 0; call < 3; call++) lines.push(await stage.pool.openLine({ callId: String(call) }));
  const share = (port: number) => (port < stage.ports.min + 2 ? 'small' : 'large');
  await Promise.all(lines.filter(({ port }) => share(port) === 'large').map((line) => line.close()));
  // The small share is full with one line, the large one empty: then one each, and the small one is tried in vain.
  await stage.pool.openLine({ callId: 'a' });
  assert.equal(share((await stage.pool.openLine({ callId: 'b' })).port), 'large');
});

test('there are never more workers than pairs of ports', async (t) => {
  const stage = await poolStage(t, { workers: 5, pairs: 2 });
  assert.equal(stage.workers.length, 2);
});

test('a worker that dies ends its operations with what was on disk, fails its lines, and is replaced', async (t) => {
  const stage = await poolStage(t, { pairs: 1 });
  const line = await stage.pool.openLine({ callId: 'c1' });
  const phone = await stage.call(line);
  const { told, tell, until } = listener();
  const runs = line.run(stage.record('r1', quick), [], tell);
  const waits = line.run(stage.record('r2', quick), [], () => {});
  void phone.play(syllables(3000), { signal: never });
  await until('speech');
  await until('grown');
  await stage.workers[0]!.terminate();

  const end = await runs.ended;
  assert.equal(end.by, 'error');
  assert.match(end.message ?? '', /worker/);
  const grown = told.filter((progress) => progress.phase === 'grown').at(-1);
  assert.ok(end.take !== undefined && end.take.samples >= (grown?.samples ?? Infinity));
  assert.equal(end.take.spoken, true);
  assert.equal((await stage.spooled('r1')).length, end.take.samples);
  assert.equal((await waits.ended).by, 'error');
  assert.equal((await waits.ended).take, undefined);
  assert.equal(line.lost.reason.by, 'worker');
  await line.close();
  assert.equal((await line.run(recordSpec(), [], () => {}).ended).by, 'hangUp');
  await assert.rejects(stage.pool.openLine({ callId: 'c2' }), { code: 'workerFailed' });

  await stage.clock.advance(250);
  await stage.started(2);
  assert.equal((await stage.pool.openLine({ callId: 'c3' })).port, line.port);
  assert.ok(stage.logged.some((message) => message.includes('died')));
});

test('a defect in a worker seals its takes, is logged, and leaves other workers alone', async (t) => {
  const stage = await poolStage(t, { workers: 2 });
  const lines = [await stage.pool.openLine({ callId: '1' }), await stage.pool.openLine({ callId: '2' })];
  const half = stage.ports.min + 8;
  const [doomed, other] = lines.sort((a, b) => a.port - b.port);
  assert.ok(doomed && other && doomed.port < half && other.port >= half);
  const phone = await stage.call(doomed);
  const { tell, until } = listener();
  const run = doomed.run(stage.record('r1', quick), [], tell);
  void phone.play(syllables(3000), { signal: never });
  await until('speech');
  stage.workers[0]!.postMessage('fail');

  const end = await run.ended;
  assert.equal(end.by, 'error');
  assert.equal((await stage.spooled('r1')).length, end.take?.samples);
  if (!doomed.lost.aborted) await once(doomed.lost, 'abort');
  assert.ok(stage.logged.includes('a media worker failed'));
  assert.equal(other.lost.aborted, false);
  assert.equal((await other.run(promptSpec({ prompts: [] }), [], () => {}).ended).by, 'finished');
});

test('a worker that dies again and again is started after longer and longer pauses', async (t) => {
  const stage = await poolStage(t);
  for (const [deaths, pauseMs] of [250, 500, 1000].entries()) {
    const worker = stage.workers[deaths]!;
    await worker.terminate();
    await stage.died(deaths + 1);
    await stage.clock.advance(pauseMs - 1);
    assert.equal(stage.workers.length, deaths + 1);
    await stage.clock.advance(1);
    await stage.started(deaths + 2);
  }
});

test('closing the engine ends everything, stops the workers and opens no more lines', async (t) => {
  const stage = await poolStage(t, { workers: 2 });
  const line = await stage.pool.openLine({ callId: 'c1' });
  const { tell, until } = listener();
  const run = line.run(stage.record('r1', quick), [], tell);
  await until('recording');
  const gone = Promise.all(stage.workers.map((worker) => once(worker, 'exit')));
  const opening = stage.pool.openLine({ callId: 'late' }).then(
    () => 'opened',
    (error: { code: string }) => error.code,
  );
  await Promise.all([stage.pool.close(), stage.pool.close()]);
  assert.equal((await run.ended).by, 'error');
  await gone;
  assert.ok(['opened', 'engineClosed'].includes(await opening));
  await line.close();
  await assert.rejects(stage.pool.openLine({ callId: 'c2' }), { code: 'engineClosed' });
});

test('packets are counted over all workers, and those of a worker that died stay counted', async (t) => {
  const stage = await poolStage(t, { workers: 2 });
  const lines = [await stage.pool.openLine({ callId: 'c1' }), await stage.pool.openLine({ callId: 'c2' })];
  for (const line of lines) await (await stage.call(line)).play(syllables(200), { signal: never });
  const played = 2 * 10;
  let counted = await stage.pool.packets();
  // The last ones may be on their way.
  while (counted.received < played) counted = await stage.pool.packets();
  assert.deepEqual(counted, { expected: counted.received, received: counted.received });
  await stage.workers[0]?.terminate();
  await stage.died(1);
  const { received } = await stage.pool.packets();
  assert.ok(received >= counted.received, `${received} of ${counted.received}`);
});

test('a pool whose workers cannot be started says so', async () => {
  const opened = openPool(
    { address: HERE, ports: { min: 40_000, max: 40_001 }, workers: 1, log: silentLog },
    {
      clock: new VirtualClock(),
      startSpool: startSpoolThread,
      startWorker: () => new Worker('throw new Error("no such module")', { eval: true }),
    },
  );
  await assert.rejects(opened, { code: 'workerFailed', message: /no such module/ });
});

test('the engine as it is started in earnest', async () => {
  const min = await freePorts(2);
  const pool = await openPool({ address: HERE, ports: { min, max: min + 1 }, workers: 1, log: silentLog });
  try {
    const line = await pool.openLine({ callId: 'c1' });
    assert.equal(line.port, min);
    await line.close();
  } finally {
    await pool.close();
  }
});
