/**
 * The call and all that is told and kept of it, in any order of events: real calls, operations, journal, outbox and notifier; scripted callers,
 * lines and recordings. What takes time in earnest (the store, opening a line, finishing a file, the bot) waits for as long as the case wants, and the
 * process is killed and started again wherever the case wants.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { OperationSnapshot, Reply } from '../../src/call/model.ts';
import { type Asked, recordRequest, setStage } from '../support/call-stage.ts';
import { ANSWER, ANSWER_PREPARED, CONTROLS, HANG_UP, PROMPTS, TRANSFER } from '../support/races/bot.ts';
import { GatedEngine, GatedRecordings, GatedStore } from '../support/races/gated.ts';
import { Gates } from '../support/races/gates.ts';
import { Ledger } from '../support/races/ledger.ts';
import { runs } from '../support/races/runs.ts';
import { stories } from '../support/races/stories.ts';
import type { ScriptedLine } from '../support/scripted-engine.ts';
import { OFFER, type ScriptedCallee, type ScriptedInvite, withDirection } from '../support/scripted-sip.ts';
import { settle, VirtualClock } from '../support/virtual-clock.ts';

/** The far end of a call: a caller, or whom the bot called. */
type Far = ScriptedInvite | ScriptedCallee;

/** One process, on the store of the one before. */
class Node {
  readonly clock = new VirtualClock();
  readonly gates = new Gates();
  readonly store = new GatedStore(() => this.clock.now(), this.gates);
  readonly engine = new GatedEngine(this.gates);
  readonly recordings = new GatedRecordings(this.gates);
  readonly stage: ReturnType<typeof setStage>;
  readonly telling: ReturnType<Ledger['follow']>;
  readonly replies: Promise<Reply>[] = [];
  /** Operations that the bot was answered with. */
  readonly made: OperationSnapshot[] = [];
  /** Calls that the bot was told it has answered. */
  readonly answered: string[] = [];
  readonly callers: ScriptedInvite[] = [];
  killed = false;
  /** Its store, or the outbox, did not take everything: what more there is after a kill is in the ledger. */
  forgetful = false;

  constructor(ledger: Ledger, before?: Node) {
    const { clock, gates, store, engine, recordings } = this;
    if (before !== undefined) {
      store.take(before.store);
      for (const id of before.recordings.finished) recordings.finished.add(id);
    }
    const prompts = {
      async get() {
        await gates.pass('prompt');
        return { ok: true, samples: new Int16Array(160) } as const;
      },
    };
    const mayWrite = () => this.telling.isDurable();
    this.stage = setStage({ clock, store, mayWrite, engine, recordings, prompts });
    this.telling = ledger.follow(this.stage.cluster, clock, gates);
  }

  get fars(): readonly Far[] {
    return [...this.callers, ...this.stage.userAgent.dialled];
  }

  ask(asked: Asked, callId = 'none'): void {
    const reply = this.stage.ask(asked, callId);
    this.replies.push(reply);
    void reply.then((reply) => {
      if (!reply.ok || this.killed) return;
      if (reply.operation) this.made.push(reply.operation);
      if (asked.name === 'answer') this.answered.push(callId);
    });
  }
}

type Act = (node: Node, far: Far | undefined, line: ScriptedLine | undefined) => unknown;

const caller = (far: Far | undefined) => (far !== undefined && 'cancel' in far ? far : undefined);
const callee = (far: Far | undefined) => (far !== undefined && 'refuse' in far ? far : undefined);
const lastReferral = (far: Far | undefined) => far?.dialog?.referrals.at(-1);
const running = (line: ScriptedLine | undefined) => line?.runs.find(({ over }) => !over);

const acts = {
  'a call comes': (node) => void node.callers.push(node.stage.userAgent.ring()),
  'the bot calls somebody': (node) => void node.stage.create(),
  'the caller cancels': (_, far) => caller(far)?.cancel(),
  'the caller acknowledges': (_, far) => caller(far)?.dialog?.acknowledge(),
  'the ACK is lost': (_, far) => caller(far)?.dialog?.loseAck(),
  'the callee rings': (_, far) => callee(far)?.ring(),
  'the callee answers': (_, far) => callee(far)?.answer(),
  'the callee is busy': (_, far) => callee(far)?.refuse(486, 'Busy Here'),
  'the far end hangs up': (_, far) => far?.dialog?.hangUp(),
  'the far end holds': (_, far) => far?.dialog?.handler.onOffer(withDirection('sendonly')),
  'the far end resumes': (_, far) => far?.dialog?.handler.onOffer(OFFER),
  'the far end wants an offer': (_, far) => far?.dialog?.handler.onOffer(undefined),
  'the far end answers an offer': (_, far) => far?.dialog?.handler.onAnswer(OFFER),
  'a key is pressed': (_, __, line) => line?.press('5'),
  'the transfer succeeds': (_, far) => lastReferral(far)?.end({ accepted: true, status: 200, reason: 'OK' }),
  'the transfer fails': (_, far) =>
    lastReferral(far)?.end({ accepted: true, status: 603, reason: 'Decline' }),
  'recording goes on': (_, __, line) => recording(line)?.record(8000),
  'recording goes on without a word': (_, __, line) => recording(line)?.record(8000, false),
  'an operation finishes': (_, __, line) => running(line)?.end('finished'),
  'a pause is reached': (_, __, line) => recording(line)?.captured && recording(line)?.end('maxSilence'),
  'nothing was said': (_, __, line) => recording(line)?.end('initialSilence'),
  'the worker dies': (_, __, line) => line?.die(),
  'time goes by': (node) => node.clock.advance(15_000),
  'the port range fills up': (node) => (node.engine.full = true),
  'the port range empties': (node) => (node.engine.full = false),
  'no file can be finished': (node) => (node.recordings.broken = 'finish'),
  'no recording can be made': (node) => (node.recordings.broken = 'prepare'),
  'the disk empties': (node) => (node.recordings.broken = undefined),
  'the store refuses': (node) => (node.store.broken = node.forgetful = true),
  'the store takes again': (node) => (node.store.broken = false),
  'the server drains': (node) => node.stage.calls.drain(),
  'everything stalls': (node) => (node.gates.held = true),
  'everything goes on': (node) => node.gates.release(),
  'everything settles': () => settle(),
  'a moment passes': () => Promise.resolve(),
  'some moments pass': async () => {
    for (let moment = 0; moment < 7; moment++) await Promise.resolve();
  },
} satisfies Record<string, Act>;

/** Only records can be recording. */
function recording(line: ScriptedLine | undefined) {
  const run = running(line);
  return run?.spec.kind === 'record' ? run : undefined;
}

const record: Asked = { name: 'record' };
const streamed: Asked = {
  name: 'record',
  request: { ...recordRequest, streaming: true },
  spelling: 'communications',
};
const prompted: Asked = { name: 'record', breaks: true, request: { ...recordRequest, prompts: PROMPTS } };
const commands: readonly Asked[] = [
  ...CONTROLS,
  record,
  streamed,
  prompted,
  { name: 'record', idempotencyKey: 'once' },
  { name: 'playPrompt', prompts: PROMPTS },
  { name: 'playPrompt', prompts: PROMPTS, breaks: true },
];

type What = string | number | Asked;
const answered: readonly What[] = ['a call comes', ANSWER, 'the caller acknowledges'];
const reached: readonly What[] = ['the bot calls somebody', 'the callee rings', 'the callee answers'];
const episodes: readonly (readonly What[])[] = [
  answered,
  reached,
  ['a call comes', ANSWER, ANSWER, HANG_UP, 'the caller acknowledges'],
  ['a call comes', ANSWER_PREPARED, 'the caller cancels'],
  [record, 'recording goes on', 'the far end hangs up'],
  [streamed, 'recording goes on', HANG_UP, 'a pause is reached'],
  [record, prompted, 'recording goes on', 'nothing was said', { name: 'cancelMedia' }],
  [{ name: 'subscribeToTone' }, 'a key is pressed', { name: 'mute' }, 'killed'],
  [TRANSFER, 'the far end holds', 'the transfer fails'],
  ['everything stalls', record, HANG_UP, 'everything goes on'],
];
const happenings = stories<What>({
  beginnings: [answered, answered, reached],
  episodes,
  pause: 'everything settles',
  steps: [
    { weight: 8, arbitrary: fc.constantFrom(...Object.keys(acts)) },
    { weight: 5, arbitrary: fc.constantFrom(...commands) },
    { weight: 3, arbitrary: fc.nat(9) },
    { weight: 1, arbitrary: fc.constantFrom('the bot fails', 'the bot is back', 'killed') },
    { weight: 1, arbitrary: fc.constantFrom('the outbox refuses', 'the outbox takes again') },
  ],
});

test('whatever happens in whatever order, bots are told of every call and operation in full and in order, and nothing is left', async () => {
  await fc.assert(
    fc.asyncProperty(happenings, async (story) => {
      const ledger = new Ledger();
      let node = new Node(ledger);
      const nodes = [node];
      for (const { index, what } of story) {
        if (typeof what === 'number') node.gates.one(what);
        else if (typeof what !== 'string') node.ask(what, node.stage.callIds()[index]);
        else if (what === 'the bot fails') ledger.failing = true;
        else if (what === 'the bot is back') ledger.failing = false;
        else if (what === 'the outbox refuses') ledger.full = node.forgetful = true;
        else if (what === 'the outbox takes again') ledger.full = false;
        else if (what !== 'killed')
          await acts[what as keyof typeof acts](node, node.fars[index], node.engine.lines[index]);
        else nodes.push((node = await restart(node, ledger)));
      }
      await finish(node, ledger);
      await check(nodes, ledger);
      ledger.close();
    }),
    runs(1500),
  );
});

/** The process dies, and another one begins where its store and its outbox stood. */
async function restart(killed: Node, ledger: Ledger): Promise<Node> {
  killed.telling.kill(killed.forgetful);
  killed.killed = killed.gates.held = true;
  const node = new Node(ledger, killed);
  await node.clock.advance(killed.clock.now() - node.clock.now() + 1000);
  // As compose.ts does: calls come in while the ones before are still being wound up.
  node.replies.push(node.stage.calls.recover().then(() => ({ ok: true })));
  return node;
}

/** Nothing stands in the way any more: the bot hangs up, and the server stops. */
async function finish(node: Node, ledger: Ledger): Promise<void> {
  const { stage, store, recordings, gates, clock } = node;
  ledger.failing = ledger.full = store.broken = false;
  recordings.broken = undefined;
  gates.release();
  await settle();
  await Promise.all(node.replies);
  for (const id of stage.callIds()) node.ask(HANG_UP, id);
  await settle();
  // Retries of what the bot did not take.
  await clock.advance(120_000);
  await Promise.all(node.replies);
  await stage.calls.close(0);
  await node.telling.stop();
  await settle();
}

async function check(nodes: readonly Node[], ledger: Ledger): Promise<void> {
  const node = nodes.at(-1)!;
  const told = ledger.check();
  for (const operation of nodes.flatMap(({ made }) => made)) {
    const silent = operation.spelling === 'communications' && operation.status === 'completed';
    if (!silent)
      assert.ok(told.get(operation.callId)?.includes(operation.id), `${operation.kind} was told as ended`);
  }
  for (const { answered } of nodes)
    assert.equal(new Set(answered).size, answered.length, 'no call is answered twice');
  await checkStore(node);
  assert.equal(node.clock.timers, 0, 'no timer is left');
  assert.equal(node.stage.calls.active, 0);
  assert.ok(
    node.engine.lines.every(({ closed }) => closed),
    'no line is left',
  );
  const count = (verb: string) => node.recordings.log.filter((entry) => entry.startsWith(verb)).length;
  assert.equal(count('finish') + count('discard'), count('prepare'), 'no recording is left open');
  for (const { sent, dialog, cancelled } of node.callers) {
    assert.ok(sent.length > 0 || cancelled.aborted, 'every caller was answered');
    assert.ok(dialog?.ended.aborted ?? true, 'no dialog is left');
  }
  await node.stage.leave();
}

/** All that is kept has been told, and goes when its time is over. */
async function checkStore({ store, forgetful, stage }: Node): Promise<void> {
  if (forgetful) return;
  for await (const { key, value, expiresAt } of store.list<{
    untold?: unknown;
    operation?: OperationSnapshot;
  }>('')) {
    assert.ok(value.untold === undefined && expiresAt !== undefined, `${key} is sealed`);
    const { operation } = value;
    if (operation === undefined) continue;
    assert.ok(operation.end !== undefined && operation.status !== 'running', `${key} has ended`);
    const reply = await stage.ask({ name: 'getOperation', operationId: operation.id }, operation.callId);
    assert.deepEqual(reply, { ok: true, operation }, 'it can be asked for as it ended');
  }
}
