/** A whole server but for sockets and threads, in any order of events: what phones do, what bots ask for, what the network, the disk and the workers do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Asked, recordRequest } from '../support/call-stage.ts';
import { ANSWER, ANSWER_PREPARED, CONTROLS, HANG_UP, PROMPTS, TRANSFER } from '../support/races/bot.ts';
import { runs } from '../support/races/runs.ts';
import { stories } from '../support/races/stories.ts';
import { WholeServer } from '../support/races/whole-server.ts';

type Act = (server: WholeServer, index: number) => unknown;

const phone = (server: WholeServer, index: number) => server.wire.phones[index];

const phones = {
  'a call comes': ({ wire }) => wire.dial(true),
  'a call comes and wants an offer': ({ wire }) => wire.dial(false),
  'the bot calls somebody': (server) => server.create(),
  'the caller cancels': (server, index) => phone(server, index)?.cancel(),
  'it rings': (server, index) => phone(server, index)?.ring(),
  'somebody picks up': (server, index) => phone(server, index)?.pickUp(),
  'it is busy': (server, index) => phone(server, index)?.refuse(),
  'the far end hangs up': (server, index) => phone(server, index)?.hangUp(),
  'the far end holds': (server, index) => phone(server, index)?.reinvite('sendonly'),
  'the far end resumes': (server, index) => phone(server, index)?.reinvite('sendrecv'),
  'the far end wants an offer': (server, index) => phone(server, index)?.reinvite(undefined),
  'the far end updates': (server, index) => phone(server, index)?.update('sendrecv'),
  'the transfer goes on': (server, index) => phone(server, index)?.notify(180),
  'the transfer succeeds': (server, index) => phone(server, index)?.notify(200),
  'the transfer fails': (server, index) => phone(server, index)?.notify(603),
  'the phone sends again': (server, index) => phone(server, index)?.insist(),
  'the phone acknowledges nothing': (server, index) =>
    Object.assign(phone(server, index) ?? {}, { rude: true }),
  'the caller speaks': (server, index) => server.speak(index),
  'the caller presses #': (server, index) => server.press(index, '#'),
  'the caller presses 1': (server, index) => server.press(index, '1'),
} satisfies Record<string, Act>;

const network = {
  'a datagram is lost': ({ wire }) => wire.lost++,
  'datagrams are lost': ({ wire }) => (wire.lost += 3),
  'a datagram comes twice': ({ wire }) => wire.doubled++,
  'the network is bad': ({ wire }) => (wire.bad = true),
  'the network is good': ({ wire }) => (wire.bad = false),
  'the network fails': ({ wire }) => wire.break(),
} satisfies Record<string, Act>;

const faults = {
  'a worker dies': ({ engine }, index) => engine.kill(index),
  'the store refuses': ({ store }) => (store.broken = true),
  'the store takes again': ({ store }) => (store.broken = false),
  'no file can be made': (server) => (server.faults.encoder = true),
  'files can be made again': (server) => (server.faults.encoder = false),
  'the spool is full': ({ engine }) => (engine.faults.diskFull = true),
  'the spool has room': ({ engine }) => (engine.faults.diskFull = false),
  'no prompt can be had': (server) => (server.faults.prompts = true),
  'prompts can be had': (server) => (server.faults.prompts = false),
  'the bot fails': ({ ledger }) => (ledger.failing = true),
  'the bot is back': ({ ledger }) => (ledger.failing = false),
  'somebody reads a recording': (server, index) => server.read(index),
  'a reader leaves': ({ readers }, index) => readers[index]?.leave(),
} satisfies Record<string, Act>;

const time = {
  'a moment passes': () => Promise.resolve(),
  'everything settles': (server) => server.idle(),
  'a little time passes': (server) => server.pass(100),
  'time passes': (server) => server.pass(500),
  'a second passes': (server) => server.pass(1000),
  'everything stalls': ({ gates }) => (gates.held = true),
  'everything goes on': ({ gates }) => gates.release(),
} satisfies Record<string, Act>;

const acts: Readonly<Record<string, Act>> = { ...phones, ...network, ...faults, ...time };

const request = { ...recordRequest, initialSilenceSeconds: 1, maxSilenceSeconds: 1, maxDurationSeconds: 2 };
const record: Asked = { name: 'record', request: { ...request, beep: false } };
const streamed: Asked = {
  name: 'record',
  request: { ...request, beep: false, streaming: true },
  spelling: 'communications',
};
const prompted: Asked = {
  name: 'record',
  request: { ...request, prompts: PROMPTS, bargeIn: true, streaming: true },
};
const commands: readonly Asked[] = [
  ...CONTROLS,
  record,
  streamed,
  prompted,
  { name: 'record', breaks: true, request },
  { name: 'playPrompt', prompts: PROMPTS, loop: true },
  { name: 'playPrompt', prompts: PROMPTS, breaks: true, bargeIn: true },
];

type What = string | number | Asked;
const answered: readonly What[] = ['a call comes', ANSWER];
const reached: readonly What[] = ['the bot calls somebody', 'it rings', 'somebody picks up'];
const beginnings = [answered, answered, ['a call comes and wants an offer', ANSWER], reached];
const episodes: readonly (readonly What[])[] = [
  answered,
  reached,
  [record, 'the caller speaks', 'time passes', 'the far end hangs up'],
  [record, 'the caller speaks', 'time passes', 'the caller presses #', 'time passes'],
  [
    streamed,
    'the caller speaks',
    'somebody reads a recording',
    'time passes',
    'a second passes',
    'a second passes',
  ],
  [prompted, 'a little time passes', 'the caller speaks', 'time passes', 'the far end holds', 'time passes'],
  [
    record,
    'the caller speaks',
    'a little time passes',
    'the far end wants an offer',
    'time passes',
    { name: 'cancelMedia' },
  ],
  ['a call comes', 'a datagram is lost', ANSWER, HANG_UP],
  ['a call comes', ANSWER_PREPARED, 'the caller cancels', HANG_UP],
  ['the bot calls somebody', 'it rings', HANG_UP, 'somebody picks up'],
  ['the network is bad', 'time passes', 'time passes'],
  [TRANSFER, 'the transfer goes on', 'the transfer succeeds'],
  [{ name: 'subscribeToTone' }, 'the caller presses 1', 'a little time passes'],
];

const oneOf = (of: object): fc.Arbitrary<What> => fc.constantFrom(...Object.keys(of));
const happenings = stories<What>({
  beginnings,
  episodes,
  pause: 'everything settles',
  steps: [
    { weight: 8, arbitrary: oneOf(phones) },
    { weight: 3, arbitrary: oneOf(network) },
    { weight: 3, arbitrary: oneOf(faults) },
    { weight: 4, arbitrary: oneOf(time) },
    { weight: 8, arbitrary: fc.constantFrom(...commands) },
    { weight: 3, arbitrary: fc.nat(12) },
  ],
});

test('a whole server, whatever happens in whatever order, tells bots all and in order, answers every phone, and keeps nothing that is over', async () => {
  await fc.assert(
    fc.asyncProperty(happenings, fc.boolean(), async (story, stopsAtOnce) => {
      const server = await WholeServer.start();
      try {
        for (const { index, what } of story) {
          if (typeof what === 'number') server.gates.one(what);
          else if (typeof what === 'string') await acts[what]?.(server, index);
          else server.ask(what, server.callIds[index]);
        }
        server.relent();
        if (!stopsAtOnce) {
          await server.finish();
          checkPhones(server);
          checkNothingIsLeft(server);
        }
        await server.stop();
        checkTold(server);
        await checkRecordings(server);
        checkNothingIsLeft(server);
        assert.equal(server.clock.timers, 0, 'no timer is left');
        assert.deepEqual(server.openFiles, [], 'no file is left open');
      } catch (thrown) {
        if (thrown instanceof Error)
          thrown.message += `\n${server.wire.trace.join('\n')}\n${server.errors.join('\n')}`;
        throw thrown;
      } finally {
        server.remove();
      }
    }),
    runs(900),
  );
});

function checkTold({ ledger, made, wire, calls }: WholeServer): void {
  assert.deepEqual(wire.defects, []);
  const told = ledger.check();
  for (const { kind, callId, id, spelling } of made) {
    if (spelling === 'communications' && kind !== 'record') continue;
    assert.ok(told.get(callId)?.includes(id), `${kind} was told as ended`);
  }
  assert.equal(calls.active, 0);
}

function checkPhones({ wire }: WholeServer): void {
  for (const [index, phone] of wire.phones.entries())
    assert.deepEqual(phone.waits, [], `phone ${index} waits for nothing`);
}

/** Each recording is there exactly when the bot was told of it, and whoever read along got all of it. */
async function checkRecordings({
  recordings,
  prepared,
  files,
  readers,
  ledger,
  errors,
}: WholeServer): Promise<void> {
  const told = new Set(
    ledger.received
      .filter(({ changeType }) => changeType === 'deleted')
      .flatMap(({ data }) => data.recordResourceLocation ?? data.recordingLocation ?? []),
  );
  const unfinished = errors.filter((error) => error.includes('could not be finished')).length;
  for (const { recordingId, location } of prepared) {
    const recording = await recordings.open(recordingId);
    const failed = errors.some((error) => error.includes(recordingId));
    if (told.has(location)) assert.equal(recording.state, 'finished');
    else assert.ok(failed || recording.state === 'gone', `what came to nothing is gone: ${recording.state}`);
    assert.equal(
      files.finished.filter((name) => name.startsWith(recordingId)).length,
      told.has(location) ? 1 : 0,
    );
    if (!failed)
      assert.deepEqual(
        files.spool.filter((name) => name.startsWith(recordingId)),
        [],
      );
  }
  if (unfinished === 0) assert.deepEqual(files.spool, []);
  for (const reader of readers) {
    if (reader.left) continue;
    assert.equal(reader.failure, undefined);
    const recording = await recordings.open(reader.recordingId);
    if (recording.state !== 'finished' || reader.state === undefined || reader.state === 'unknown') continue;
    const pieces: Uint8Array[] = [];
    for await (const piece of recording.read(44, recording.bytes)) pieces.push(piece);
    assert.ok(
      reader.bytes.subarray(44).equals(Buffer.concat(pieces)),
      'who read along read the finished file',
    );
  }
}

function checkNothingIsLeft({ agent, engine, gates }: WholeServer): void {
  assert.partialDeepStrictEqual(agent.counts, { transactions: 0, dialogs: 0, pending: 0 });
  assert.deepEqual(engine.open, { lines: 0, sockets: 0, pairs: 0, memories: 0 });
  assert.equal(gates.waiting, 0);
}
