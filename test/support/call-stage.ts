/** The calls of a node on a stage: scripted callers, engine and recordings, a virtual clock, and a bot that notes every fact. */
import type { Application } from '../../src/call/application.ts';
import { type Calls, type CallsOptions, createCalls } from '../../src/call/calls.ts';
import type { Trunk } from '../../src/call/dial-plan.ts';
import type {
  CallRequest,
  CallSnapshot,
  Command,
  Fact,
  OperationSnapshot,
  RecordRequest,
  Reply,
} from '../../src/call/model.ts';
import { embeddedCluster } from '../../src/cluster/embedded.ts';
import { silentLog } from '../../src/log.ts';
import { owingStore } from '../../src/store/owing-store.ts';
import { directoryOf } from './directory.ts';
import { MemoryStore } from './memory-store.ts';
import { ScriptedEngine } from './scripted-engine.ts';
import { ScriptedRecordings } from './scripted-recordings.ts';
import { type InviteOptions, type ScriptedInvite, ScriptedUserAgent } from './scripted-sip.ts';
import { settle, VirtualClock } from './virtual-clock.ts';

export const APPLICATION: Application = {
  id: 'app',
  tenantId: 'tenant',
  name: 'Voicemail',
  roles: ['Calls.AccessMedia.All'],
  callbackUri: 'http://bot/calls',
  dialect: 'app',
  speechSensitivity: 'normal',
  routes: ['sip:voicemail@*'],
};

/** Takes North American numbers. */
export const TRUNK: Trunk = {
  name: 'provider',
  host: 'sip.provider.example',
  port: 5070,
  transport: 'tcp',
  credentials: { username: 'tonearm', password: 'secret' },
  callerId: '+14255550199',
  domain: 'tonearm.example',
  numbers: ['+1*'],
};

/** A command without what the stage fills in. */
export type Asked = Partial<Command> & { readonly name: Command['name'] };

export const recordRequest: RecordRequest = {
  prompts: [],
  bargeIn: false,
  sensitivity: undefined,
  format: 'wav',
  trimSilence: false,
  channels: 1,
  initialSilenceSeconds: 5,
  maxSilenceSeconds: 5,
  maxDurationSeconds: 60,
  beep: true,
  streaming: false,
  stopTones: ['#', '11'],
};

/** A command with what a test left out. */
export function filledIn(asked: Asked, applicationId: string): Command {
  const filled = {
    applicationId,
    callbackUri: undefined,
    preFetch: [],
    clientContext: undefined,
    clientRequestId: undefined,
    breaks: false,
    loop: false,
    replaces: undefined,
    spelling: 'app',
    idempotencyKey: undefined,
    prompts: [],
    bargeIn: false,
    sensitivity: undefined,
    request: recordRequest,
    ...asked,
  };
  return filled as Command;
}

/** Scripted parts that a test has of its own. */
interface StageParts {
  readonly clock?: VirtualClock;
  /** The disk; the calls owe what it refuses. */
  readonly store?: MemoryStore;
  readonly mayWrite?: () => boolean;
  readonly engine?: ScriptedEngine;
  readonly recordings?: ScriptedRecordings;
}

export function setStage(options: Partial<Omit<CallsOptions, keyof StageParts>> & StageParts = {}) {
  const { mayWrite } = options;
  const clock = options.clock ?? new VirtualClock();
  const store = options.store ?? new MemoryStore(() => clock.now());
  const cluster = embeddedCluster<Command, Reply, Fact>();
  const userAgent = new ScriptedUserAgent();
  const engine = options.engine ?? new ScriptedEngine();
  const recordings = options.recordings ?? new ScriptedRecordings();
  const fetched: string[] = [];
  const facts: Fact[] = [];
  const stop = new AbortController();
  const listening = (async () => {
    for await (const fact of cluster.events(stop.signal)) facts.push(fact);
  })();
  const applications = options.applications ?? directoryOf([APPLICATION]);
  const applicationId = applications.all()[0]?.id ?? '';
  const calls: Calls = createCalls({
    userAgent,
    engine,
    recordings,
    prompts: {
      async get({ uri }) {
        fetched.push(uri);
        return { ok: true, samples: new Int16Array(160) };
      },
    },
    cluster,
    clock,
    log: silentLog,
    trunks: [TRUNK],
    mediaAddress: '192.0.2.1',
    spoolFolder: '/spool',
    spellingOf: ({ dialect }) => dialect,
    ...options,
    store: owingStore(store, { clock, log: silentLog, ...(mayWrite !== undefined && { mayWrite }) }),
    applications,
  });

  const callIds = () => [...new Set(facts.flatMap((fact) => (fact.kind === 'call' ? [fact.call.id] : [])))];
  const latestCall = () => callIds().at(-1) ?? 'none';

  const ask = (asked: Asked, callId = latestCall()): Promise<Reply> =>
    calls.ask(callId, filledIn(asked, applicationId));

  const ring = async (invite: InviteOptions = {}): Promise<ScriptedInvite> => {
    const ringing = userAgent.ring(invite);
    await settle();
    return ringing;
  };

  const create = async (request: Partial<CallRequest> = {}): Promise<Reply> => {
    const reply = await calls.create({
      applicationId,
      target: { kind: 'user', id: 'sip:bob@phones.example', displayName: 'Bob' },
      callerId: undefined,
      callbackUri: 'http://bot/outgoing',
      preFetch: [],
      subject: undefined,
      ringSeconds: undefined,
      spelling: 'communications',
      scenarioId: undefined,
      clientRequestId: undefined,
      ...request,
    });
    await settle();
    return reply;
  };

  return {
    clock,
    store,
    cluster,
    userAgent,
    engine,
    recordings,
    fetched,
    facts,
    calls,
    ask,
    ring,
    create,
    callIds,
    /** What the bot was told, in short. */
    told: () => facts.flatMap((fact) => inShort(fact) ?? []),
    /** Rings, is answered, and the ACK comes. */
    async establish(invite: InviteOptions = {}): Promise<ScriptedInvite> {
      const ringing = await ring(invite);
      await ask({ name: 'answer' });
      ringing.dialog!.acknowledge();
      await settle();
      return ringing;
    },
    /** Makes an operation; the test fails when it is refused. */
    async start(asked: Asked): Promise<OperationSnapshot> {
      const reply = await ask(asked);
      await settle();
      if (!reply.ok || reply.operation === undefined) throw new Error(`refused: ${JSON.stringify(reply)}`);
      return reply.operation;
    },
    lastCall: (): CallSnapshot => {
      const fact = facts.findLast((fact) => fact.kind === 'call');
      if (fact?.kind !== 'call') throw new Error('no call was told of');
      return fact.call;
    },
    lastOperation: (): OperationSnapshot => {
      const fact = facts.findLast((fact) => fact.kind === 'operation');
      if (fact?.kind !== 'operation') throw new Error('no operation was told of');
      return fact.operation;
    },
    async leave(): Promise<void> {
      stop.abort();
      userAgent.close();
      await listening;
    },
  };
}

function inShort(fact: Fact): string | undefined {
  if (fact.kind !== 'operation' && fact.kind !== 'call') return undefined;
  if (fact.kind === 'operation') {
    const { kind, status, end, recording } = fact.operation;
    const what = [fact.change, kind, status, end?.by, recording && 'with recording'];
    return what.filter(Boolean).join(' ');
  }
  const { call, change, audioBegan, tone } = fact;
  return [change, call.state, audioBegan && 'audio', tone && `${tone.sequenceId}: ${tone.key}`]
    .filter(Boolean)
    .join(' ');
}
