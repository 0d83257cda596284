/** Whatever bots send, in whatever order: no 5xx, each operation ends once, no call is established twice, nothing is left over. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { OperationEnding } from '../../src/operation/operation.ts';
import { BOT } from '../support/api-stage.ts';
import { type Answer, type GraphStage, type Notified, setGraphStage } from '../support/graph-stage.ts';
import type { ScriptedCallee, ScriptedInvite } from '../support/scripted-sip.ts';
import { settle } from '../support/virtual-clock.ts';
import { ROOTS } from './api/stage.ts';

const callbackUri = 'https://bot.example.com/calls';
const bob = { identity: { user: { id: 'sip:bob@phones.example' } } };
const prompt = { mediaInfo: { uri: 'https://bot.example.com/hi.wav', resourceId: 'hi' } };

/** Bodies that are right, by action. */
const RIGHT: Readonly<Record<string, object>> = {
  answer: { callbackUri, mediaConfig: { preFetchMedia: [prompt.mediaInfo] } },
  reject: { reason: 'busy' },
  redirect: { targets: [bob], callbackUri },
  transfer: { transferTarget: bob },
  playPrompt: { prompts: [prompt], bargeInAllowed: true, clientContext: 'c' },
  record: { prompts: [prompt], stopTones: ['#'], streamWhileRecording: true, bargeInAllowed: false },
  recordResponse: { maxSilenceTimeoutInSeconds: 3 },
  subscribeToTone: {},
  cancelMediaProcessing: { all: true },
  mute: { clientContext: 'm' },
  unmute: {},
  keepAlive: {},
};

const junk = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.string({ unit: 'binary' }),
  fc.constantFrom<unknown>(null, 0, -1, 1e99, '', [], {}, [null], true),
);
/** A right body with members replaced, dropped and added. */
const mutated = (right: object) =>
  fc
    .dictionary(fc.constantFrom(...Object.keys(right), 'loop', '@odata.type', '__proto__', 'extra'), junk)
    .map((changes) => ({ ...right, ...changes }));
const body = (right: object): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: 5, arbitrary: fc.constant(right) },
    { weight: 3, arbitrary: mutated(right) },
    { weight: 1, arbitrary: junk },
    { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
  );
const headers = fc.dictionary(
  fc.constantFrom('idempotency-key', 'client-request-id', 'scenario-id', 'prefer', 'if-match', 'accept'),
  fc.oneof(fc.constantFrom('k1', 'k2'), fc.stringMatching(/^[!-~]{0,300}$/)),
  { maxKeys: 3 },
);
const query = fc.constantFrom(
  ...[
    '',
    '',
    '?$select=state',
    '?$select=nonsense',
    '?$top=1',
    '?$top=-1',
    '?$top=x&$skiptoken=%00',
    '?$filter=a',
  ],
);

const request = fc.oneof(
  ...Object.entries(RIGHT).map(([action, right]) =>
    fc.record({
      method: fc.constant('POST'),
      path: fc.constantFrom(`/${action}`, `/microsoft.graph.${action}`),
      body: body(right),
    }),
  ),
  fc.record({
    method: fc.constantFrom('GET', 'HEAD', 'PUT', 'PATCH'),
    path: fc
      .tuple(
        fc.constantFrom(
          '',
          '/operations',
          '/participants',
          '/operations/x',
          '/participants/%00',
          '/nonsense',
        ),
        query,
      )
      .map((parts) => parts.join('')),
    body: fc.constant(undefined),
  }),
  {
    weight: 1,
    arbitrary: fc.record({
      method: fc.constant('DELETE'),
      path: fc.constant(''),
      body: fc.constant(undefined),
    }),
  },
);

/** How a path may name the call: as we do, in capitals, without dashes, or wrong. */
const spelled = fc.constantFrom<(id: string) => string>(
  (id) => id,
  (id) => id,
  (id) => id,
  (id) => id.toUpperCase(),
  (id) => id.replaceAll('-', ''),
  () => 'aaaaaaaa-0000-4000-8000-000000000000',
  () => '%2e%2e%2f',
  (id) => `${id}x`,
);

interface Far {
  readonly caller?: ScriptedInvite;
  readonly callee?: ScriptedCallee;
}
const dialogOf = ({ caller, callee }: Far) => caller?.dialog ?? callee?.dialog;
const running = (stage: GraphStage, index: number) =>
  stage.engine.lines[index]?.runs.find(({ over }) => !over);
const endings: readonly OperationEnding[] = [
  'finished',
  'stopTone',
  'initialSilence',
  'promptUnavailable',
  'error',
];

const happenings: Readonly<Record<string, (stage: GraphStage, far: Far, index: number) => unknown>> = {
  'the ACK comes': (_, { caller }) => caller?.dialog?.acknowledge(),
  'the callee rings': (_, { callee }) => callee?.ring(),
  'the callee answers': (_, { callee }) => callee?.answer(),
  'the callee is busy': (_, { callee }) => callee?.refuse(486, 'Busy Here'),
  'the caller gives up': (_, { caller }) => caller?.cancel(),
  'the far end hangs up': (_, far) => dialogOf(far)?.hangUp(),
  'a key': (stage, _, index) => stage.engine.lines[index]?.press('5'),
  'something is recorded': (stage, _, index) => running(stage, index)?.record(8000),
  'a transfer ends': (_, far) =>
    dialogOf(far)?.referrals.at(-1)?.end({ accepted: true, status: 603, reason: 'No' }),
  'time goes by': (stage) => stage.clock.advance(5000),
  ...Object.fromEntries(
    endings.map((by) => [by, (stage: GraphStage, _: Far, index: number) => running(stage, index)?.end(by)]),
  ),
};

const step = fc.record({
  call: fc.nat(1),
  what: fc.oneof(
    { weight: 3, arbitrary: fc.record({ root: fc.constantFrom(...ROOTS), request, headers, spelled }) },
    { weight: 2, arbitrary: fc.record({ happens: fc.constantFrom(...Object.keys(happenings)) }) },
  ),
});

test('whatever is sent in whatever order: no 5xx, one end for each operation, one established', async () => {
  const seen = new Set<number>();
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 25 }),
      fc.boolean(),
      fc.constantFrom('app' as const, 'communications' as const),
      async (steps, established, dialect) => {
        const stage = await setGraphStage(dialect);
        const caller = await (established ? stage.establish() : stage.ring());
        const placed = await stage.send('POST', '/v1.0/communications/calls', {
          callbackUri,
          targets: [bob],
        });
        assert.equal(placed.statusCode, 201, placed.body);
        const ids = stage.callIds();
        const fars: Far[] = [{ caller }, { callee: stage.userAgent.dialled[0]! }];
        const answers: Answer[] = [];
        for (const { call, what } of steps) {
          if ('happens' in what) {
            await happenings[what.happens]?.(stage, fars[call]!, call);
            await settle();
            continue;
          }
          const { root, request, headers, spelled } = what;
          const path = `${root}/calls/${spelled(ids[call] ?? '')}${request.path}`;
          const answer = await stage.send(request.method, path, request.body, headers);
          seen.add(answer.statusCode);
          assert.ok(
            answer.statusCode < 500,
            `${request.method} ${path}: ${answer.statusCode} ${answer.body}`,
          );
          if (answer.statusCode >= 400 && request.method !== 'HEAD') assert.ok(answer.json().error.message);
          answers.push(answer);
        }
        for (const id of ids) await stage.send('DELETE', `/beta/app/calls/${id}`);
        await settle();
        checkOperations(answers, stage.notifications());
        for (const id of ids)
          checkCall(stage.notifications().filter(({ resource }) => resource.includes(id)));
        assert.equal(stage.calls.active, 0);
        assert.equal(stage.clock.timers, 0);
        await stage.app.close();
        await stage.leave();
      },
    ),
    { numRuns: 150 },
  );
  for (const status of [200, 202, 204, 400, 404, 409]) assert.ok(seen.has(status), `${status} was never met`);
});

/** By Location: each operation that was taken. */
function checkOperations(answers: readonly Answer[], notifications: readonly Notified[]): void {
  const taken = new Map<string, boolean>();
  for (const answer of answers) {
    const id = /\/operations\/([0-9a-f-]{36})$/.exec(String(answer.headers.location))?.[1];
    // A repeat with the same Idempotency-Key answers with the first.
    if (id !== undefined && answer.statusCode < 300 && !taken.has(id))
      taken.set(id, answer.statusCode === 200 && answer.json().status === 'completed');
  }
  for (const [id, doneAtOnce] of taken) {
    const finals = notifications.filter(
      ({ changeType, resourceData }) => changeType === 'deleted' && resourceData.id === id,
    );
    assert.equal(finals.length, doneAtOnce ? 0 : 1, `operation ${id}`);
    for (const { resourceData } of finals) assert.ok(resourceData.resultInfo.code);
  }
  const told = notifications.filter(({ resource }) => resource.includes('/operations/'));
  for (const { resourceData } of told)
    assert.ok(taken.has(resourceData.id), 'no operation that nobody asked for');
}

function checkCall(notifications: readonly Notified[]): void {
  const active = notifications.filter(({ resourceData }) => resourceData.mediaState?.audio === 'active');
  assert.ok(active.length <= 1);
  const last = notifications.at(-1);
  assert.deepEqual([last?.changeType, last?.resourceData.state], ['deleted', 'terminated']);
  assert.ok(notifications.every(({ resourceData }) => resourceData.id !== undefined));
  assert.ok(
    notifications.every(
      ({ headers }) => BOT.id.length > 0 && headers['Scenario-Id'] === last?.headers['Scenario-Id'],
    ),
  );
}
