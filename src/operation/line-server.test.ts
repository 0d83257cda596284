import assert from 'node:assert/strict';
import { test } from 'node:test';
import { promptSpec, recordSpec } from '../../test/support/operation-stage.ts';
import { quiet, ScriptedLine, samples, speech } from '../../test/support/scripted-line.ts';
import { scriptedTakes } from '../../test/support/scripted-take.ts';
import { testRing } from '../../test/support/spooled-take.ts';
import { settle } from '../../test/support/virtual-clock.ts';
import { TonearmError } from '../errors.ts';
import { type Log, silentLog } from '../log.ts';
import type { Heard } from '../media/line.ts';
import type { AudioParameters } from '../media/session-description.ts';
import { type OwnedLine, serveLines } from './line-server.ts';
import type { FromWorker } from './protocol.ts';

const parameters: AudioParameters = {
  remote: { address: '192.0.2.1', port: 4000, rtcpPort: 4001 },
  codec: 'PCMU',
  sendPayloadType: 0,
  receive: { 0: 'PCMU' },
  sendEventPayloadType: undefined,
  sendEventClock: 8000,
  packetTimeMs: 20,
  direction: 'sendrecv',
};

class ScriptedOwnedLine extends ScriptedLine implements OwnedLine {
  readonly port = 4002;
  readonly ring = testRing;
  closes = 0;
  connect(): void {}
  mute(): void {}
  watchKeys(): void {}
  /** Hears something, once it is watched. */
  hears: (heard: Heard) => void = () => {};
  watchHearing(onHeard: (heard: Heard) => void): void {
    this.hears = onHeard;
  }
  override async close(): Promise<void> {
    this.closes++;
    super.close();
  }
}

function serverStage(openLine: () => Promise<OwnedLine>) {
  const sent: FromWorker[] = [];
  const logged: string[] = [];
  const log: Log = { ...silentLog, error: (_, message) => void logged.push(message) };
  const { takes, openTake } = scriptedTakes();
  const send = (message: FromWorker) => void sent.push(message);
  const server = serveLines({
    openLine,
    openTake: (_, spec, onGrown) => openTake(spec, onGrown),
    beep: new Int16Array(0),
    send,
    log,
  });
  return { server, sent, logged, takes };
}

test('a line that cannot be opened is refused with its code; what has none is lineFailed', async () => {
  for (const [thrown, code] of [
    [new TonearmError('noPorts', 'full'), 'noPorts'],
    [new Error('full'), 'lineFailed'],
  ] as const) {
    const { server, sent } = serverStage(() => Promise.reject(thrown));
    server.take({ type: 'openLine', line: 1, callId: 'c1' });
    await settle();
    assert.deepEqual(sent, [{ type: 'lineRefused', line: 1, code, message: 'full' }]);
  }
});

test('what a line hears is told of a line that is watched, and of no other', async () => {
  for (const watched of [true, false]) {
    const line = new ScriptedOwnedLine([]);
    const { server, sent } = serverStage(async () => line);
    server.take({ type: 'openLine', line: 1, callId: 'c1', watched });
    await settle();
    line.hears({ what: 'speech' });
    line.hears({ what: 'key', key: '5' });
    const heard = sent.flatMap((message) => (message.type === 'heard' ? message.heard : []));
    assert.deepEqual(heard, watched ? [{ what: 'speech' }, { what: 'key', key: '5' }] : []);
  }
});

test('what all lines expected and received is told when it is asked for, of those that are closed too', async () => {
  const lines = [new ScriptedOwnedLine(speech(200)), new ScriptedOwnedLine(speech(100))];
  const { server, sent } = serverStage(async () => lines.shift()!);
  for (const line of [1, 2]) server.take({ type: 'openLine', line, callId: 'c1' });
  await settle();
  for (const line of [1, 2])
    server.take({ type: 'run', line, operation: line, spec: recordSpec(), prompts: 0 });
  await settle();
  server.take({ type: 'closeLine', line: 1 });
  await settle();
  server.take({ type: 'count' });
  assert.deepEqual(sent.at(-1), { type: 'counted', packets: { expected: 15, received: 15 } });
});

test('a line that opens while the worker closes is closed again and refused', async () => {
  const opened = Promise.withResolvers<OwnedLine>();
  const line = new ScriptedOwnedLine([]);
  const { server, sent } = serverStage(() => opened.promise);
  server.take({ type: 'openLine', line: 1, callId: 'c1' });
  const closed = server.close();
  opened.resolve(line);
  await closed;
  assert.equal(line.closes, 1);
  assert.deepEqual(
    sent.map((message) => [message.type, message.type === 'lineRefused' && message.code]),
    [['lineRefused', 'engineClosed']],
  );
});

test('an operation for a line that was closed meanwhile ends with hangUp', async () => {
  const { server, sent } = serverStage(async () => new ScriptedOwnedLine([]));
  server.take({ type: 'run', line: 1, operation: 7, spec: recordSpec(), prompts: 0 });
  server.take({ type: 'cancel', operation: 7 });
  server.take({
    type: 'deliver',
    operation: 7,
    prompt: 0,
    delivery: { ok: true, samples: new Int16Array(0) },
  });
  assert.deepEqual(sent, [{ type: 'ended', operation: 7, end: { by: 'hangUp' } }]);
});

test('a line closed twice ends its operations, closes once and is told of once', async () => {
  const line = new ScriptedOwnedLine(speech(500));
  const { server, sent } = serverStage(async () => line);
  server.take({ type: 'openLine', line: 1, callId: 'c1' });
  await settle();
  server.take({ type: 'run', line: 1, operation: 2, spec: recordSpec(), prompts: 0 });
  server.take({ type: 'run', line: 1, operation: 3, spec: promptSpec(), prompts: 1 });
  await settle();
  server.take({ type: 'closeLine', line: 1 });
  server.take({ type: 'closeLine', line: 1 });
  await settle();
  const told = sent.filter(({ type }) => type === 'ended' || type === 'lineClosed');
  assert.deepEqual(
    told.map((message) => [message.type, message.type === 'ended' && message.end.take?.samples]),
    [
      ['ended', undefined],
      ['ended', samples(500)],
      ['lineClosed', false],
    ],
  );
});

test('the worker closing ends operations with error, their takes sealed', async () => {
  const { server, sent, takes } = serverStage(async () => new ScriptedOwnedLine(quiet(500)));
  server.take({ type: 'openLine', line: 1, callId: 'c1' });
  await settle();
  server.take({ type: 'run', line: 1, operation: 2, spec: recordSpec(), prompts: 0 });
  await settle();
  await server.close();
  const end = sent.find((message) => message.type === 'ended')?.end;
  assert.equal(end?.by, 'error');
  assert.equal(end?.take?.samples, samples(500));
  assert.equal(takes[0]?.sealed, 1);
});

test("what goes wrong with one line is logged, and is not the worker's end", async () => {
  const line = new ScriptedOwnedLine([]);
  line.connect = () => {
    throw new Error('nonsense');
  };
  line.close = () => Promise.reject(new Error('stuck'));
  const { server, sent, logged } = serverStage(async () => line);
  server.take({ type: 'openLine', line: 1, callId: 'c1' });
  await settle();
  server.take({ type: 'connect', line: 1, parameters });
  server.take({ type: 'closeLine', line: 1 });
  await settle();
  assert.equal(logged.length, 2);
  assert.equal(sent.at(-1)?.type, 'lineClosed');
});
