/** Microsoft's own clients, as they come from npm: only the base address and where the token comes from are ours. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import {
  BaseBearerTokenAuthenticationProvider,
  HttpMethod,
  RequestInformation,
} from '@microsoft/kiota-abstractions';
import { Client } from '@microsoft/microsoft-graph-client';
import type { Call as CallType } from '@microsoft/microsoft-graph-types-beta';
import { GraphBetaRequestAdapter } from '@microsoft/msgraph-beta-sdk';
import {
  type Call,
  type CommsOperation,
  createCallFromDiscriminatorValue,
  createCommsOperationFromDiscriminatorValue,
  createPlayPromptOperationFromDiscriminatorValue,
  createRecordOperationFromDiscriminatorValue,
  type PlayPromptOperation,
  type RecordOperation,
  serializeCall,
} from '@microsoft/msgraph-beta-sdk/models/index.js';
import { type Bot, isFinalOperation, isState, type Notification, startBot } from '../support/bot.ts';
import { certificateFiles, trustCertificate } from '../support/certificate.ts';
import { freeUdpPort } from '../support/free-port.ts';
import { called, dial, hungUp, play, receive, reply, scenario } from '../support/scenarios.ts';
import { APP, startServer, type TestServer } from '../support/server.ts';
import { runSipp } from '../support/sipp.ts';
import { missing } from '../support/tools.ts';
import { capture } from '../support/voicemail-stage.ts';

const talk = capture([
  { silenceMs: 1500 },
  { key: '5' },
  { silenceMs: 500 },
  { key: '#' },
  { silenceMs: 20_000 },
]);

test('Microsoft’s clients', { skip: missing('/usr/bin/sipp'), concurrency: 1 }, async (t) => {
  let bot: Bot;
  let server: TestServer;
  let origin: string;
  before(async () => {
    trustCertificate();
    bot = await startBot();
    server = await startServer({
      config: {
        http: { listen: '127.0.0.1:0', tls: certificateFiles() },
        applications: [{ ...APP, dialect: 'communications', callbackUri: bot.callbackUri, routes: ['*'] }],
      },
      callbackUri: bot.callbackUri,
    });
    origin = server.http;
    assert.match(origin, /^https:/);
  });
  after(async () => {
    const code = await server?.stop();
    await bot?.close();
    assert.equal(code, 0);
  });

  const getAccessToken = () => bot.token(server.http);
  const graphClient = () =>
    Client.initWithMiddleware({
      authProvider: { getAccessToken },
      baseUrl: `${origin}/`,
      defaultVersion: 'v1.0',
      customHosts: new Set(['127.0.0.1']),
    });

  /** A caller who says nothing, presses 5 and #, and waits to be hung up on. */
  const caller = async () => {
    const { code, output, messages } = await runSipp({
      port: server.udp,
      scenario: scenario(dial(), play('caller.pcap'), hungUp),
      files: { 'caller.pcap': talk.pcap },
    });
    assert.equal(code, 0, output + messages);
  };
  /** A called party that answers and waits to be hung up on. */
  const callee = async (port: number) => {
    const steps = [called(), reply(180), reply(200, { sdp: true }), receive('ACK'), hungUp];
    const { code, output, messages } = await runSipp({ port, called: true, scenario: scenario(...steps) });
    assert.equal(code, 0, output + messages);
  };
  const incoming = async () => {
    const seen = new Set(bot.notifications);
    return (await bot.next('incoming', (one) => !seen.has(one) && isState('incoming')(one))).resourceData
      .id as string;
  };
  const of = (id: string, fits: (one: Notification) => boolean) => (one: Notification) =>
    one.resource.includes(id) && fits(one);

  await t.test(
    'graph-client answers, plays, records, subscribes, cancels, reads operations and hangs up',
    async () => {
      const client = graphClient();
      const calling = caller();
      const id = await incoming();
      const path = `/communications/calls/${id}`;
      const uri = bot.serve('greeting.wav', readFileSync('examples/voicemail-bot/greeting.wav'));
      await client.api(`${path}/answer`).post({
        callbackUri: bot.callbackUri,
        acceptedModalities: ['audio'],
        mediaConfig: {
          '@odata.type': '#microsoft.graph.serviceHostedMediaConfig',
          preFetchMedia: [{ uri, resourceId: 'greeting' }],
        },
      });
      await bot.next('established', of(id, isState('established')));
      const call: CallType = await client.api(path).select(['state', 'direction']).get();
      assert.deepEqual(
        [call.state, call.direction, call.callbackUri],
        ['established', 'incoming', undefined],
      );

      const subscribed = await client.api(`${path}/subscribeToTone`).post({ clientContext: 'tones' });
      assert.deepEqual([subscribed.status, subscribed.clientContext], ['completed', 'tones']);
      const played = await client.api(`${path}/playPrompt`).post({
        prompts: [
          { '@odata.type': '#microsoft.graph.mediaPrompt', mediaInfo: { uri, resourceId: 'greeting' } },
        ],
        clientContext: 'prompt',
      });
      assert.deepEqual(
        [played['@odata.type'], played.status],
        ['#microsoft.graph.playPromptOperation', 'running'],
      );
      const recorded = await client.api(`${path}/recordResponse`).post({
        bargeInAllowed: true,
        playBeep: false,
        maxRecordDurationInSeconds: 20,
        initialSilenceTimeoutInSeconds: 20,
        stopTones: ['#'],
        clientContext: 'record',
      });
      const finalPrompt = await bot.next('prompt', of(played.id, isFinalOperation));
      assert.equal(finalPrompt.resourceData.resultInfo.subcode, 8508, 'the record request broke into it');
      const final = await bot.next('record', of(recorded.id, isFinalOperation));
      assert.equal(final.resourceData.completionReason, 'stopToneDetected');
      const tones = bot.notifications.filter((one) => one.resourceData.toneInfo !== undefined);
      assert.deepEqual(
        tones.map(({ resourceData }) => [resourceData.toneInfo.sequenceId, resourceData.toneInfo.tone]),
        [
          [1, 'tone5'],
          [2, 'pound'],
        ],
      );
      const forEver = await client
        .api(`${path}/playPrompt`)
        .post({ prompts: [{ mediaInfo: { uri } }], loop: true });
      const cancelled = await client.api(`${path}/cancelMediaProcessing`).post({ clientContext: 'enough' });
      assert.equal(cancelled.status, 'completed');
      const stopped = await bot.next('cancelled', of(forEver.id, isFinalOperation));
      assert.equal(stopped.resourceData.resultInfo.subcode, 8508);

      const operation = await client.api(`${path}/operations/${recorded.id}`).get();
      assert.equal(operation.clientContext, 'record');
      const ids: string[] = [];
      let page = await client.api(`${path}/operations`).top(2).get();
      for (;;) {
        assert.ok(page.value.length <= 2);
        ids.push(...page.value.map(({ id }: { id: string }) => id));
        if (page['@odata.nextLink'] === undefined) break;
        page = await client.api(page['@odata.nextLink']).get();
      }
      assert.deepEqual(ids, [subscribed.id, played.id, recorded.id, forEver.id, cancelled.id]);
      const { value: participants } = await client.api(`${path}/participants`).get();
      assert.equal(participants.length, 2);

      await client.api(path).delete();
      await calling;
      await bot.next('terminated', of(id, isState('terminated')));
      await assert.rejects(client.api(path).get(), { statusCode: 404, code: '8528' });
    },
  );

  await t.test('graph-client places a call to a SIP URI', async () => {
    const port = await freeUdpPort();
    const answering = callee(port);
    const call = await graphClient()
      .api('/communications/calls')
      .post({
        '@odata.type': '#microsoft.graph.call',
        callbackUri: bot.callbackUri,
        source: { identity: { application: { id: APP.id } } },
        targets: [
          {
            '@odata.type': '#microsoft.graph.invitationParticipantInfo',
            identity: {
              '@odata.type': '#microsoft.graph.identitySet',
              user: { id: `sip:bob@127.0.0.1:${port}` },
            },
          },
        ],
        requestedModalities: ['audio'],
        mediaConfig: { '@odata.type': '#microsoft.graph.serviceHostedMediaConfig' },
        tenantId: APP.tenantId,
      });
    assert.deepEqual([call.direction, call.state], ['outgoing', 'establishing']);
    const established = await bot.next('established', of(call.id, isState('established')));
    assert.equal(established.resourceData.mediaState.audio, 'active');
    await graphClient().api(`/communications/calls/${call.id}`).delete();
    await answering;
    const ended = await bot.next('terminated', of(call.id, isState('terminated')));
    assert.equal(ended.resourceData.terminationReason, 'AppInitiated');
  });

  await t.test(
    'the beta SDK’s adapter and models place a call, play, record, cancel and hang up',
    async () => {
      const allowed = { getAllowedHosts: () => ['127.0.0.1'], isUrlAllowed: () => true };
      const adapter = new GraphBetaRequestAdapter(
        new BaseBearerTokenAuthenticationProvider({
          getAuthorizationToken: getAccessToken,
          getAllowedHostsValidator: () => allowed as never,
        }),
      );
      adapter.baseUrl = `${origin}/beta`;
      const request = (method: HttpMethod, path: string, body?: object) => {
        const info = new RequestInformation(method, `{+baseurl}${path}`, { baseurl: adapter.baseUrl });
        info.headers.add('Accept', 'application/json');
        if (body !== undefined)
          info.setStreamContent(
            new TextEncoder().encode(JSON.stringify(body)).buffer as ArrayBuffer,
            'application/json',
          );
        return info;
      };
      const port = await freeUdpPort();
      const answering = callee(port);
      const wanted: Partial<Call> = {
        odataType: '#microsoft.graph.call',
        callbackUri: bot.callbackUri,
        requestedModalities: ['audio'],
        targets: [
          {
            odataType: '#microsoft.graph.invitationParticipantInfo',
            identity: { user: { id: `sip:bob@127.0.0.1:${port}` } },
          },
        ],
        mediaConfig: { odataType: '#microsoft.graph.serviceHostedMediaConfig' },
      };
      const create = new RequestInformation(HttpMethod.POST, '{+baseurl}/communications/calls', {
        baseurl: adapter.baseUrl,
      });
      create.headers.add('Accept', 'application/json');
      create.setContentFromParsable(adapter, 'application/json', wanted, serializeCall);
      const call = await adapter.send<Call>(create, createCallFromDiscriminatorValue, undefined);
      const id = call?.id ?? '';
      assert.deepEqual([call?.state, call?.direction], ['establishing', 'outgoing']);
      assert.equal(call?.targets?.[0]?.identity?.user?.id, `sip:bob@127.0.0.1:${port}`);
      await bot.next('established', of(id, isState('established')));

      const act = <T extends CommsOperation>(
        action: string,
        body: object,
        type: typeof createCommsOperationFromDiscriminatorValue,
      ) =>
        adapter.send<T>(
          request(HttpMethod.POST, `/communications/calls/${id}/microsoft.graph.${action}`, body),
          type,
          undefined,
        );
      const uri = bot.serve('greeting.wav', readFileSync('examples/voicemail-bot/greeting.wav'));
      // Its models take no `status` as Graph itself spells it, in lower case: they know NotStarted, Running …
      const played = await act<PlayPromptOperation>(
        'playPrompt',
        { prompts: [{ mediaInfo: { uri } }], loop: true, clientContext: 'sdk' },
        createPlayPromptOperationFromDiscriminatorValue,
      );
      assert.deepEqual(
        [played?.odataType, played?.clientContext],
        ['#microsoft.graph.playPromptOperation', 'sdk'],
      );
      const recorded = await act<RecordOperation>(
        'recordResponse',
        { playBeep: false, stopTones: ['#'] },
        createRecordOperationFromDiscriminatorValue,
      );
      const cancelled = await act('cancelMediaProcessing', {}, createCommsOperationFromDiscriminatorValue);
      assert.equal(cancelled?.resultInfo?.code, 200);
      await bot.next('cancelled', of(recorded?.id ?? '', isFinalOperation));
      const read = await adapter.send<RecordOperation>(
        request(HttpMethod.GET, `/communications/calls/${id}/operations/${recorded?.id}`),
        createRecordOperationFromDiscriminatorValue,
        undefined,
      );
      assert.equal(read?.resultInfo?.subcode, 8508);
      await adapter.sendNoResponseContent(
        request(HttpMethod.DELETE, `/communications/calls/${id}`),
        undefined,
      );
      await answering;
      await bot.next('terminated', of(id, isState('terminated')));
    },
  );
});
