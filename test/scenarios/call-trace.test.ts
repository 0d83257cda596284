/** Calls as the console shows them: a whole server in this process, a caller with a voice, a bot, and a trunk. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { demoConfig } from '../../src/cli/demo-config.ts';
import { placeScriptedCall } from '../../src/cli/scripted-call.ts';
import { readSoundFile } from '../../src/cli/sound-file.ts';
import { systemClock } from '../../src/clock.ts';
import { startTonearm, type Tonearm } from '../../src/compose.ts';
import type { Config } from '../../src/config.ts';
import { callAsHttp, callAsJson } from '../../src/http/console/exported-call.ts';
import { openTraces } from '../../src/http/console/trace-store.ts';
import type { TraceFeed, Traces } from '../../src/http/console/traces.ts';
import type { CallTrace, TraceEvent } from '../../src/http/console/wire.ts';
import { silentLog } from '../../src/log.ts';
import { createUserAgent } from '../../src/sip/endpoint.ts';
import {
  type Bot,
  callPath,
  isFinalOperation,
  isState,
  type Notification,
  startBot,
} from '../support/bot.ts';
import { APP } from '../support/server.ts';

const SECRET_QUERY = 'code=callback-secret';

interface Stage {
  readonly server: Tonearm;
  readonly traces: Traces & TraceFeed;
  readonly udp: number;
}

/** Everything is closed and removed when the test ends. */
async function startWatched(t: TestContext, bot: Bot, changes: Partial<Config> = {}): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'tonearm-trace-'));
  const traces = openTraces({ clock: systemClock });
  const config = demoConfig(folder, Number(new URL(bot.origin).port));
  const [application] = config.applications;
  const { id, tenantId, name, secret } = APP;
  const callbackUri = `${bot.callbackUri}?${SECRET_QUERY}`;
  const own = { ...application!, id, tenantId, name, secret, callbackUri };
  const server = await startTonearm({ ...config, applications: [own], ...changes }, silentLog, { traces });
  t.after(async () => {
    await server.close();
    await bot.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return { server, traces, udp: server.sip.find(({ transport }) => transport === 'udp')!.port };
}

/** The trace of the only call, once it fits. */
async function traceOnce(traces: Traces, fits: (trace: CallTrace) => boolean): Promise<CallTrace> {
  const [row] = traces.rows();
  const changes = traces.events(row?.id, AbortSignal.timeout(20_000));
  const look = () => {
    const trace = traces.trace(row?.id ?? '');
    return trace !== undefined && fits(trace) ? trace : undefined;
  };
  const found = look();
  if (found !== undefined) return found;
  for await (const _change of changes) {
    const trace = look();
    if (trace !== undefined) return trace;
  }
  throw new Error(
    `it never came; there is: ${traces
      .trace(row?.id ?? '')
      ?.events.map(inShort)
      .join('\n')}`,
  );
}

function inShort(event: TraceEvent): string {
  switch (event.kind) {
    case 'sip':
      return `${event.direction} ${event.title}`;
    case 'state':
      return `state ${event.state}`;
    case 'request':
      return `${event.method} ${event.path.split('/').at(-1)} ${event.status}`;
    case 'operation':
      return `${event.operation} ${event.change}`;
    case 'heard':
      return `heard ${event.what === 'key' ? event.key : event.what}`;
    case 'notification':
      return `notification ${event.number}/${event.attempt} ${event.status}`;
  }
}

const isOver = ({ call }: CallTrace) => call.endedAt !== undefined;
const delivered = ({ events }: CallTrace) =>
  events.some(
    ({ kind, ...event }) =>
      kind === 'notification' && 'body' in event && /terminated/.test(JSON.stringify(event.body)),
  );

test('a recorded call leaves a trace of all that was said about it, and of nothing that is secret', async (t) => {
  let failures = 1;
  const { promise: recorded, resolve } = Promise.withResolvers<Notification>();
  const bot = await startBot({
    answer: () => (failures-- > 0 ? 503 : 200),
    onNotification(notification) {
      if (notification.answered !== 200) return;
      const act = (action: string, body: object) =>
        bot.act(server.publicUrl, 'POST', `${callPath(notification)}/${action}`, body);
      if (isState('incoming')(notification))
        void act('answer', { callbackUri: `${bot.callbackUri}?${SECRET_QUERY}` });
      else if (isState('established')(notification))
        void act('record', { prompts: 'none' }).then(() =>
          act('record', {
            prompts: [{ mediaInfo: { uri: `${greeting}?sig=prompt-secret` } }],
            maxRecordDurationInSeconds: 60,
            maxSilenceTimeoutInSeconds: 30,
            stopTones: ['#'],
            streamWhileRecording: true,
          }),
        );
      else if (isFinalOperation(notification)) resolve(notification);
    },
  });
  bot.serve('greeting.wav?sig=prompt-secret', readFileSync('examples/voicemail-bot/greeting.wav'));
  const greeting = `${bot.origin}/greeting.wav`;
  const { server, traces, udp } = await startWatched(t, bot);

  const { samples, wide } = await readSoundFile('examples/audio/caller.wav');
  const speech = { samples: samples.slice(0, 3 * 8000), wide: wide?.slice(0, 3 * 16_000) };
  const called = placeScriptedCall(
    {
      target: `sip:voicemail@127.0.0.1:${udp}`,
      from: { displayName: 'A caller', user: '+14255550100' },
      transport: 'udp',
      steps: [
        { step: 'wait', for: 'beep' },
        { step: 'play', file: 'caller.wav', sound: speech },
        { step: 'keys', keys: ['#'] },
      ],
      timeoutSeconds: 40,
    },
    () => {},
  );
  const final = await recorded;
  await bot.act(server.publicUrl, 'DELETE', callPath(final));
  assert.equal((await called).report.failure, undefined);

  const trace = await traceOnce(traces, (one) => isOver(one) && delivered(one));
  const { call, events } = trace;
  assert.deepEqual(
    [
      call.direction,
      call.applicationName,
      call.caller,
      call.state,
      call.running,
      call.ending,
      call.hasErrors,
    ],
    ['incoming', 'Voicemail', 'A caller', 'terminated', undefined, 'the bot hung up', true],
  );
  assert.deepEqual(
    events.map(({ sequence }) => sequence),
    events.map((_, index) => index + 1),
  );
  const told = events.map(inShort);
  const inOrder = [
    `in INVITE sip:voicemail@127.0.0.1:${udp} SIP/2.0`,
    'out SIP/2.0 180 Ringing',
    'state incoming',
    'notification 1/1 503',
    'out SIP/2.0 200 OK',
    'state established',
    'record asked',
    'record running',
    'record prompt',
    'record beep',
    'record recording',
    'heard speech',
    'heard #',
    'record ended',
    'state terminated',
  ];
  let from = 0;
  for (const one of inOrder) {
    const at = told.indexOf(one, from);
    assert.ok(at >= 0, `«${one}» after ${told[from - 1]}, in:\n${told.join('\n')}`);
    from = at + 1;
  }
  assert.ok(told.some((one) => one.startsWith('out BYE ')));
  for (const one of ['notification 1/2 200', 'POST answer 202', 'POST record 400', `DELETE ${call.id} 204`])
    assert.ok(told.includes(one), `«${one}» in:\n${told.join('\n')}`);

  const errors = events.flatMap(({ error }) => error ?? []);
  assert.equal(errors.length, 2, errors.join('\n'));
  assert.equal(errors[0], 'answered 503');
  assert.match(errors[1]!, /^400 .*prompts is "none"/);

  const ended = events.find((event) => event.kind === 'operation' && event.change === 'ended');
  assert.ok(ended?.kind === 'operation');
  assert.equal(ended.recordingId, final.resourceData.recordResourceLocation.split('/').at(-1));
  assert.deepEqual(ended.endReport, final.resourceData.endReport);
  const [first, second] = events.filter((event) => event.kind === 'notification');
  assert.ok(first?.kind === 'notification' && second?.kind === 'notification');
  assert.deepEqual([first.id, first.target], [second.id, `${bot.callbackUri}?***`]);
  assert.ok(first.nextAttemptInMs !== undefined && second.nextAttemptInMs === undefined);

  const token = await bot.token(server.publicUrl);
  for (const text of [callAsJson(trace), callAsHttp(trace, server.publicUrl)])
    for (const secret of [
      token,
      APP.secret,
      'callback-secret',
      'prompt-secret',
      final.resourceData.recordResourceAccessToken,
    ])
      assert.ok(!text.includes(secret), `${secret} in ${text}`);
  assert.match(callAsHttp(trace, server.publicUrl), /^POST \{\{host\}\}\/\S*\/calls\/\{\{call\}\}\/record$/m);
});

test("a call that is placed has the request that made it in its trace, and the trunk's refusal, but no digest", async (t) => {
  const listen = [{ transport: 'udp', address: '127.0.0.1', port: 0 }] as const;
  const trunk = await createUserAgent({ listen, clock: systemClock, log: silentLog });
  t.after(() => trunk.close());
  void (async () => {
    const challenge = 'Digest realm="trunk", nonce="once", algorithm=MD5, qop="auth"';
    let invites = 0;
    for await (const invite of trunk.invites())
      if (invites++ === 0) invite.reject(407, { headers: { 'Proxy-Authenticate': challenge } });
      else invite.reject(486, { headers: { Warning: '399 trunk "gone fishing"' } });
  })();
  const bot = await startBot();
  const { server, traces } = await startWatched(t, bot, {
    trunks: [
      {
        name: 'trunk',
        host: '127.0.0.1',
        port: trunk.listening[0]?.port,
        transport: 'udp',
        credentials: { username: 'tonearm', password: 'trunk-secret' },
        callerId: undefined,
        domain: undefined,
        numbers: ['+1*'],
      },
    ],
  });
  const answer = await bot.act(server.publicUrl, 'POST', '/app/calls', {
    callbackUri: `${bot.callbackUri}?${SECRET_QUERY}`,
    targets: [{ identity: { phone: { id: '+14255550123' } } }],
  });
  assert.equal(answer.status, 201, await answer.clone().text());

  const trace = await traceOnce(
    traces,
    (one) => isOver(one) && delivered(one) && one.events.some(({ kind }) => kind === 'request'),
  );
  const told = trace.events.map(inShort);
  assert.equal(trace.call.direction, 'outgoing');
  assert.equal(trace.call.callee, '+14255550123');
  assert.match(trace.call.ending ?? '', /486/);
  for (const one of [
    'POST calls 201',
    'in SIP/2.0 407 Unknown',
    'in SIP/2.0 486 Busy Here',
    'state establishing',
  ])
    assert.ok(told.includes(one), `«${one}» in:\n${told.join('\n')}`);
  const busy = trace.events.find((event) => event.kind === 'sip' && event.title.startsWith('SIP/2.0 486'));
  assert.equal(busy?.error, '486 Busy Here (399 trunk "gone fishing")');
  const challenged = trace.events.find(
    (event) => event.kind === 'sip' && event.title.startsWith('SIP/2.0 407'),
  );
  assert.equal(challenged?.error, undefined);
  const text = callAsJson(trace);
  assert.match(text, /proxy-authorization: Digest \*\*\*/i);
  assert.doesNotMatch(text, /username="tonearm"|callback-secret/);
});
