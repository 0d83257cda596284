/**
 * What a bot was sent, over the real outbox and notifier but no network, and whether it is what CONTRACT §3.1 and §4 promise. It outlives the
 * processes that write it.
 */
import assert from 'node:assert/strict';
import type { Command, Fact, Reply } from '../../../src/call/model.ts';
import type { Cluster } from '../../../src/cluster/cluster.ts';
import { silentLog } from '../../../src/log.ts';
import type { Attempt } from '../../../src/notify/delivery.ts';
import { startNotifier } from '../../../src/notify/notifier.ts';
import type { StoredNotification } from '../../../src/notify/outbox.ts';
import { callbackRules } from '../../../src/outbound/callbacks.ts';
import { tellBots } from '../../../src/tell-bots.ts';
import { FullableOutbox } from '../fullable-outbox.ts';
import { EVERYWHERE } from '../notifier-stage.ts';
import type { VirtualClock } from '../virtual-clock.ts';
import type { Gates } from './gates.ts';

/** A notification that the bot was sent. */
export interface Sent {
  readonly id: string;
  readonly lane: string;
  readonly sequence: number;
  readonly changeType: 'created' | 'updated' | 'deleted';
  readonly resource: string;
  // biome-ignore lint/suspicious/noExplicitAny: JSON as it travels, asserted on member by member
  readonly data: any;
}

export class Ledger {
  /** Every attempt, in order. */
  readonly attempts: Sent[] = [];
  /** What the bot answered with 2xx, in order. */
  readonly received: Sent[] = [];
  /** Answers 500 meanwhile. */
  failing = false;
  /** What it promises then: see docs/reliability.md, "Two faults at once". */
  #killedWhileFull: 'never' | 'store' | 'outbox' = 'never';
  readonly #outbox = new FullableOutbox(':memory:');

  /** The outbox's disk takes nothing meanwhile. */
  set full(full: boolean) {
    this.#outbox.full = full;
  }

  /** Tells the bot what happens in a cluster, as compose.ts does. `kill`: as if the process were gone at this moment. */
  follow(cluster: Cluster<Command, Reply, Fact>, clock: VirtualClock, gates: Gates) {
    const notifier = startNotifier({
      outbox: this.#outbox,
      authorize: async () => 'token',
      callbacks: callbackRules({ ...EVERYWHERE, loopback: true }),
      callbackOf: () => undefined,
      clock,
      log: silentLog,
      deliver: async (notification) => {
        await gates.pass(`bot ${notification.lane}`);
        return this.#take(notification);
      },
    });
    let killed = false;
    const telling = tellBots({
      cluster,
      notifier: {
        append: (notification) => (killed ? new Promise(() => {}) : notifier.append(notification)),
        settled: notifier.settled,
      },
      clock,
      log: silentLog,
    });
    return {
      /** As a stopping server does. */
      async stop(): Promise<void> {
        await telling.settled(3000);
        await telling.stop();
        await notifier.close();
      },
      /** `storeRefused`: not all that was told is in the store. */
      kill: (storeRefused: boolean) => {
        killed = true;
        const { full } = this.#outbox;
        this.#outbox.full = true;
        if (!notifier.isDurable()) this.#killedWhileFull = 'outbox';
        else if (storeRefused && this.#killedWhileFull === 'never') this.#killedWhileFull = 'store';
        this.#outbox.full = full;
      },
      isDurable: () => !killed && notifier.isDurable(),
    };
  }

  close(): void {
    this.#outbox.close();
  }

  #take({ id, lane, sequence, body }: StoredNotification): Attempt {
    const [{ changeType, resource, resourceData: data }] = JSON.parse(body).value;
    const sent: Sent = { id, lane, sequence, changeType, resource, data };
    this.attempts.push(sent);
    if (this.failing) return { outcome: 'failed', error: 'answered 500', retryAfterMs: 0 };
    this.received.push(sent);
    return { outcome: 'received' };
  }

  /** Of every call: the ids of the operations that were told as ended, in the order they were made. */
  check(): ReadonlyMap<string, readonly string[]> {
    if (this.#killedWhileFull !== 'outbox') this.#checkOrder();
    const once = new Map(this.received.toReversed().map((sent) => [sent.id, sent]));
    const received = this.received.filter((sent) => once.get(sent.id) === sent);
    const lanes = Map.groupBy(received, ({ lane }) => lane);
    const mayMiss = this.#killedWhileFull !== 'never';
    return new Map([...lanes].map(([lane, sent]) => [lane, checkCall(sent, mayMiss)]));
  }

  /** CONTRACT §4: one at a time, numbered without gaps, each received once, the same id on every attempt. */
  #checkOrder(): void {
    const ids = new Map<string, string>();
    for (const { lane, sequence, id } of this.attempts) {
      const key = `${lane} ${sequence}`;
      assert.equal(ids.get(key) ?? id, id, 'a notification has one id');
      ids.set(key, id);
    }
    for (const [lane, sent] of Map.groupBy(this.received, ({ lane }) => lane)) {
      const numbers = sent.map(({ sequence }) => sequence);
      assert.deepEqual(
        numbers,
        numbers.map((_, index) => index + 1),
        `the notifications of ${lane} are numbered without gaps`,
      );
    }
  }
}

/** CONTRACT §2, where a call goes from each state. */
const NEXT: Readonly<Record<string, readonly string[]>> = {
  incoming: ['establishing', 'redirecting', 'terminated'],
  redirecting: ['terminated'],
  establishing: ['ringing', 'established', 'terminating'],
  ringing: ['established', 'terminating'],
  established: ['hold', 'transferring', 'terminating'],
  hold: ['established', 'transferring', 'terminating'],
  transferring: ['established', 'transferAccepted', 'terminating'],
  transferAccepted: ['terminating'],
  terminating: ['terminated'],
  terminated: [],
};

/** CONTRACT §3.1: of which endings there is a recording, always or never; of the others, what there is. */
const RECORDED: Readonly<Record<string, boolean>> = {
  stopToneDetected: true,
  maxRecordDurationReached: true,
  maxSilenceTimeout: true,
  callTerminated: true,
  initialSilenceTimeout: false,
  playPromptFailed: false,
  playBeepFailed: false,
};

/** `mayMissTerminating`: of a call that was not kept as answered. */
function checkCall(sent: readonly Sent[], mayMissTerminating: boolean): readonly string[] {
  const isOperation = ({ resource }: Sent) => resource.includes('/operations/');
  checkStates(
    sent.filter((one) => !isOperation(one)),
    mayMissTerminating,
  );
  const over = sent.findIndex(({ data }) => data.state === 'terminating' || data.state === 'terminated');
  const late = sent.slice(over).filter(isOperation);
  assert.deepEqual(late, [], 'every operation is told as ended before the call is told as ending');
  const operations = sent.filter(isOperation);
  for (const told of Map.groupBy(operations, ({ data }) => data.id).values()) checkOperation(told);
  return operations.filter(({ changeType }) => changeType === 'deleted').map(({ data }) => data.id as string);
}

function checkStates(sent: readonly Sent[], mayMissTerminating: boolean): void {
  const [first, last] = [sent[0], sent.at(-1)];
  const begins = first?.data.state === 'incoming' ? 'created' : 'updated';
  assert.equal(first?.changeType, begins);
  assert.ok(['incoming', 'establishing'].includes(first?.data.state), `begins ${first?.data.state}`);
  assert.deepEqual([last?.changeType, last?.data.state], ['deleted', 'terminated']);
  const deleted = sent.filter(({ changeType }) => changeType === 'deleted');
  assert.equal(deleted.length, 1, 'a call is told as deleted once');
  const active = sent.filter(({ data }) => data.mediaState?.audio === 'active');
  assert.ok(active.length <= 1, 'that audio is active is told once');
  assert.equal(
    active[0]?.data.state,
    sent.find(({ data }) => data.state === 'established')?.data.state,
    'with the first established',
  );

  let [state, tone] = [first?.data.state as string, 0];
  for (const { data } of sent.slice(1)) {
    if (data.toneInfo !== undefined) {
      assert.ok(
        [1, tone + 1].includes(data.toneInfo.sequenceId),
        `tone ${data.toneInfo.sequenceId} after ${tone}`,
      );
      tone = data.toneInfo.sequenceId;
      continue;
    }
    const isMissed = mayMissTerminating && data.state === 'terminated';
    assert.ok(isMissed || NEXT[state]?.includes(data.state), `${state} is followed by ${data.state}`);
    state = data.state;
  }
}

function checkOperation(told: readonly Sent[]): void {
  const final = told.at(-1)!;
  const before = told.slice(0, -1);
  assert.equal(final.changeType, 'deleted', 'an operation is told as ended, last of all');
  assert.ok(before.length <= 1 && before.every(({ changeType }) => changeType === 'updated'));
  for (const { data } of before) assert.ok(data.status === 'running' && locationOf(data) !== undefined);
  const { status, resultInfo, completionReason } = final.data;
  assert.ok(status === 'completed' || status === 'failed');
  assert.ok(resultInfo.code > 0 && resultInfo.subcode >= 0 && resultInfo.message.length > 0);
  const recorded = RECORDED[completionReason as string];
  if (final.data['@odata.type'] === '#microsoft.graph.recordOperation' && recorded !== undefined)
    assert.equal(locationOf(final.data) !== undefined, recorded, `recording of ${completionReason}`);
}

/** In either dialect. */
export function locationOf(data: Sent['data']): string | undefined {
  return data.recordResourceLocation ?? data.recordingLocation;
}
