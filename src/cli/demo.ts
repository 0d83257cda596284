import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { systemClock } from '../clock.ts';
import { startTonearm, type Tonearm } from '../compose.ts';
import { TonearmError } from '../errors.ts';
import { silentLog } from '../log.ts';
import { LINE_RATE } from '../media/line.ts';
import { placeCall } from './demo-caller.ts';
import { demoConfig } from './demo-config.ts';
import { readSoundFile } from './sound-file.ts';
import { Timeline } from './timeline.ts';
import { waveform } from './waveform.ts';

const EXAMPLES = resolve(import.meta.dirname, '../../examples');

/**
 * The whole product in half a minute: a server, the example bot in a process of its own, and a scripted SIP call with real
 * speech over loopback. Prints what happens as it happens and leaves the message in `demo.wav`. Resolves with the
 * process's exit code; rejects with TonearmError `demoFailed`.
 */
export async function demo(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'tonearm-demo-'));
  const recording = resolve('demo.wav');
  rmSync(recording, { force: true });
  const botPort = await freePort();
  const timeline = new Timeline(systemClock, (line) => console.log(line));
  const server = await startTonearm(demoConfig(folder, botPort), silentLog);
  try {
    const bot = await startBot(server, botPort, recording, timeline);
    try {
      const heard = watchServer(server, timeline);
      await placeCall({
        server,
        timeline,
        speech: await readSoundFile(join(EXAMPLES, 'audio/caller.wav')),
      });
      await withinSeconds(20, bot.downloaded, 'the bot did not download the recording');
      await withinSeconds(20, heard.terminated, 'the call did not end');
    } finally {
      await bot.stop();
    }
  } finally {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  }
  draw((await readSoundFile(recording)).samples);
  return 0;
}

/** Puts what the server makes of the call on the timeline. */
function watchServer(server: Tonearm, timeline: Timeline): { readonly terminated: Promise<void> } {
  const words: Readonly<Record<string, string>> = {
    bargeIn: 'the caller broke in',
    recording: 'recording',
    speech: 'speech heard',
  };
  const terminated = (async () => {
    for await (const fact of server.events(AbortSignal.timeout(120_000))) {
      if (fact.kind === 'progress') {
        const text = words[fact.progress.phase];
        if (text !== undefined) timeline.say('server', text);
      } else if (fact.kind === 'operation' && fact.operation.end !== undefined) {
        const { by, keys, take } = fact.operation.end;
        const length = take === undefined ? '' : `, ${(take.samples / take.rate).toFixed(2)} s recorded`;
        timeline.say('server', by === 'stopTone' ? `stop tone ${keys ?? ''}${length}` : `${by}${length}`);
      } else if (fact.kind === 'call') {
        timeline.say('server', `call ${fact.call.state} → notification to the bot`);
        if (fact.call.state === 'terminated') return;
      }
    }
  })();
  return { terminated };
}

async function startBot(server: Tonearm, port: number, recording: string, timeline: Timeline) {
  const [application] = server.applications;
  if (application === undefined) throw new TonearmError('demoFailed', 'The demo has no application.');
  const child = spawn(process.execPath, [join(EXAMPLES, 'voicemail-bot/bot.mjs')], {
    env: {
      ...process.env,
      TONEARM: server.publicUrl,
      APP_ID: application.id,
      APP_SECRET: application.secret,
      PORT: String(port),
      SAVE_AS: relative('.', recording),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const listening = Promise.withResolvers<void>();
  const downloaded = Promise.withResolvers<void>();
  createInterface(child.stdout).on('line', (line) => {
    timeline.say('bot', line);
    if (line.includes('listens')) listening.resolve();
    if (line.startsWith('downloaded')) downloaded.resolve();
  });
  const exited = once(child, 'exit');
  void exited.then(() => {
    const error = new TonearmError('demoFailed', 'The bot ended by itself; what it said is above.');
    listening.reject(error);
    downloaded.reject(error);
  });
  downloaded.promise.catch(() => {}); // also awaited later, or not at all when an earlier step fails
  await withinSeconds(20, listening.promise, 'the bot did not start');
  return {
    downloaded: downloaded.promise,
    async stop() {
      child.kill();
      await exited;
    },
  };
}

function draw(samples: Int16Array): void {
  console.log(`\n  ${waveform(samples, 72)}`);
  console.log(`  demo.wav  ${(samples.length / LINE_RATE).toFixed(2)} s, 16 kHz 16 bit mono\n`);
}

async function withinSeconds<T>(seconds: number, promise: Promise<T>, failure: string): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = systemClock.after(seconds * 1000, () =>
    reject(new TonearmError('demoFailed', `${failure} within ${seconds} s.`)),
  );
  try {
    return await Promise.race([promise, late]);
  } finally {
    timer.cancel();
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
