// A voice recorder: answers with its prompt fetched beforehand, records what the caller says after the beep, plays it back, hangs up.
// Written as a bot for Microsoft Graph is (the communications dialect, /v1.0); TONEARM is all that makes it one for this server.
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { resolve } from 'node:path';
import type { Call, PlayPromptOperation, RecordOperation } from '@microsoft/microsoft-graph-types-beta';
import { createRemoteJWKSet, jwtVerify } from 'jose';

const {
  TONEARM = 'http://127.0.0.1:8080',
  APP_ID = '',
  APP_SECRET = '',
  PORT = '9000',
  SAVE_IN = '.',
} = process.env;
const me = `http://127.0.0.1:${PORT}`;
const speakAfterTheBeep = {
  '@odata.type': '#microsoft.graph.mediaInfo',
  uri: `${me}/audio/speak-after-the-beep.wav`,
  resourceId: 'speak-after-the-beep',
};

/** What is served as audio: the prompt, and what callers said. */
const audio = new Map([
  ['speak-after-the-beep', readFileSync(new URL('speak-after-the-beep.wav', import.meta.url))],
]);

interface Notification {
  readonly changeType: 'created' | 'updated' | 'deleted';
  readonly resourceUrl: string;
  readonly resourceData: { '@odata.type': string } & Call & RecordOperation & PlayPromptOperation;
}

async function token(): Promise<string> {
  const reply = await fetch(`${TONEARM}/common/oauth2/v2.0/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: APP_ID,
      client_secret: APP_SECRET,
      scope: 'https://graph.microsoft.com/.default',
    }),
  });
  if (!reply.ok) throw new Error(`no token: ${await reply.text()}`);
  return ((await reply.json()) as { access_token: string }).access_token;
}

async function graph(method: string, path: string, body?: object): Promise<void> {
  const headers = { authorization: `Bearer ${await token()}`, 'content-type': 'application/json' };
  const reply = await fetch(`${TONEARM}/v1.0${path}`, {
    method,
    headers,
    body: body === undefined ? null : JSON.stringify(body),
  });
  if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${await reply.text()}`);
}

async function onCall(call: string, it: Call): Promise<void> {
  if (it.state === 'incoming') {
    console.log(`call from ${it.source?.identity?.user?.id ?? JSON.stringify(it.source?.identity)}`);
    await graph('POST', `${call}/answer`, {
      callbackUri: `${me}/api/calls`,
      acceptedModalities: ['audio'],
      mediaConfig: {
        '@odata.type': '#microsoft.graph.serviceHostedMediaConfig',
        preFetchMedia: [speakAfterTheBeep],
      },
    });
  } else if (it.state === 'established' && it.mediaState?.audio === 'active') {
    await graph('POST', `${call}/recordResponse`, {
      prompts: [{ '@odata.type': '#microsoft.graph.mediaPrompt', mediaInfo: speakAfterTheBeep }],
      playBeep: true,
      initialSilenceTimeoutInSeconds: 5,
      maxSilenceTimeoutInSeconds: 2,
      maxRecordDurationInSeconds: 60,
      stopTones: ['#', '1', '*'],
      clientContext: 'record',
    });
  } else if (it.state === 'terminated') console.log(`call ended: ${it.terminationReason}`);
}

async function onRecorded(call: string, it: RecordOperation): Promise<void> {
  console.log(`recording ${it.status}: ${it.resultInfo?.message}`);
  if (!it.recordingLocation) return graph('DELETE', call);
  const headers = { authorization: `Bearer ${it.recordingAccessToken}` };
  const recording = await fetch(it.recordingLocation, { headers });
  if (!recording.ok) throw new Error(`the recording: ${recording.status} ${await recording.text()}`);
  const name = `recording-${it.id}`;
  audio.set(name, Buffer.from(await recording.arrayBuffer()));
  writeFileSync(resolve(SAVE_IN, `${name}.wav`), audio.get(name)!);
  console.log(`saved ${name}.wav`);
  await graph('POST', `${call}/playPrompt`, {
    prompts: [{ mediaInfo: { uri: `${me}/audio/${name}.wav`, resourceId: name } }],
    clientContext: 'play back',
  });
}

async function onNotification({ changeType, resourceUrl, resourceData: it }: Notification): Promise<void> {
  const call = resourceUrl.split('/').slice(0, 4).join('/'); // /communications/calls/{id}
  const type = it['@odata.type'];
  if (type === '#microsoft.graph.call') await onCall(call, it);
  else if (changeType !== 'deleted') return;
  else if (type === '#microsoft.graph.recordOperation') await onRecorded(call, it);
  else if (type === '#microsoft.graph.playPromptOperation') await graph('DELETE', call);
}

/** The keys that notifications are signed with, by the server's discovery document. */
async function signingKeys() {
  const reply = await fetch(`${TONEARM}/.well-known/openid-configuration`);
  const { issuer, jwks_uri } = (await reply.json()) as { issuer: string; jwks_uri: string };
  return { issuer, keys: createRemoteJWKSet(new URL(jwks_uri)) };
}
const { issuer, keys } = await signingKeys();

createServer(async (request, response) => {
  const wanted = /^\/audio\/(.+)\.wav$/.exec(request.url ?? '')?.[1] ?? '';
  const sound = audio.get(wanted);
  if (sound !== undefined) return response.setHeader('content-type', 'audio/wav').end(sound);
  try {
    const bearer = request.headers.authorization?.replace(/^Bearer /, '') ?? '';
    await jwtVerify(bearer, keys, { issuer, audience: APP_ID });
  } catch {
    return response.writeHead(401).end();
  }
  let body = '';
  for await (const chunk of request) body += chunk;
  response.writeHead(202).end(); // received; what follows takes its time
  for (const notification of (JSON.parse(body) as { value: Notification[] }).value)
    await onNotification(notification).catch((error) => console.error(error));
}).listen(Number(PORT), '127.0.0.1', () => console.log(`voice recorder bot listens on ${me}/api/calls`));
