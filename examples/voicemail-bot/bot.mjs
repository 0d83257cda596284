// A whole voicemail: answers, greets, beeps, records until # or a pause, and keeps the message as a WAV file.
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';

const { TONEARM = 'http://127.0.0.1:8080', APP_ID, APP_SECRET, PORT = '9000', SAVE_AS } = process.env;
const me = `http://127.0.0.1:${PORT}`;
const greeting = readFileSync(new URL('greeting.wav', import.meta.url));

async function token() {
  const form = {
    grant_type: 'client_credentials',
    client_id: APP_ID,
    client_secret: APP_SECRET,
    scope: 'tonearm/.default',
  };
  const reply = await fetch(`${TONEARM}/common/oauth2/v2.0/token`, {
    method: 'POST',
    body: new URLSearchParams(form),
  });
  if (!reply.ok) throw new Error(`no token: ${await reply.text()}`);
  return (await reply.json()).access_token;
}

async function act(method, path, body) {
  const headers = {
    authorization: `Bearer ${await token()}`,
    ...(body && { 'content-type': 'application/json' }),
  };
  const reply = await fetch(`${TONEARM}/beta${path}`, {
    method,
    headers,
    body: body && JSON.stringify(body),
  });
  // 404: the caller has hung up meanwhile.
  if (!reply.ok && reply.status !== 404)
    console.error(`${method} ${path}: ${reply.status} ${await reply.text()}`);
}

async function onNotification({ changeType, resource, resourceData: it }) {
  const call = resource.split('/').slice(0, 4).join('/'); // /app/calls/{id}
  if (it.state === 'incoming') {
    console.log(`call from ${(it.source.identity.phone ?? it.source.identity.user).id}`);
    await act('POST', `${call}/answer`, { callbackUri: `${me}/api/calls`, acceptedModalities: ['audio'] });
  } else if (it.state === 'established' && it.mediaState?.audio === 'active') {
    await act('POST', `${call}/record`, {
      prompts: [{ mediaInfo: { uri: `${me}/greeting.wav`, resourceId: 'greeting' } }],
      playBeep: true,
      maxRecordDurationInSeconds: 120,
      maxSilenceTimeoutInSeconds: 4,
      stopTones: ['#'],
    });
  } else if (changeType === 'deleted' && it['@odata.type'] === '#microsoft.graph.recordOperation') {
    console.log(`recording ${it.status}: ${it.completionReason}`);
    if (it.recordResourceLocation) {
      const file = SAVE_AS ?? `message-${Date.now()}.wav`;
      const headers = { authorization: `Bearer ${it.recordResourceAccessToken}` };
      writeFileSync(
        file,
        Buffer.from(await (await fetch(it.recordResourceLocation, { headers })).arrayBuffer()),
      );
      console.log(`downloaded ${file}`);
    }
    if (it.completionReason !== 'callTerminated') await act('DELETE', call);
  } else if (it.state === 'terminated') {
    console.log('call ended');
  }
}

createServer(async (request, response) => {
  if (request.url === '/greeting.wav') return response.setHeader('content-type', 'audio/wav').end(greeting);
  let body = '';
  for await (const chunk of request) body += chunk;
  response.writeHead(202).end(); // received; what follows takes its time
  for (const notification of JSON.parse(body).value) await onNotification(notification);
}).listen(Number(PORT), '127.0.0.1', () => console.log(`voicemail bot listens on ${me}/api/calls`));
