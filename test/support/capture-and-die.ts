import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { RecordingStage } from './recordings.ts';

const module = (file: string) => JSON.stringify(new URL(file, import.meta.url).href);

/** Captures `frames` of babble in a process of its own, frame by frame, and kills it as soon as it has appended them. */
export async function captureAndDie(
  { recordings }: RecordingStage,
  recordingId: string,
  frames: number,
): Promise<void> {
  const key = recordings.keyOf(recordingId)?.export().toString('hex');
  const spec = { recordingId, folder: recordings.spoolFolder, callId: 'call', operationId: 'operation' };
  const script = `
    const { createSecretKey } = await import('node:crypto');
    const { openSpooledTake } = await import(${module('./spooled-take.ts')});
    const { babble } = await import(${module('./recordings.ts')});
    const key = ${key === undefined ? undefined : `createSecretKey(Buffer.from('${key}', 'hex'))`};
    const samples = babble(${frames * 160});
    const take = openSpooledTake({ ...${JSON.stringify(spec)}, streamed: false, key });
    for (let at = 0; at < samples.length; at += 160) {
      take.append(samples, at, at + 160);
      take.settle();
    }
    console.log(take.length);
    setInterval(() => {}, 1e6);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said] = await once(createInterface(child.stdout), 'line');
  child.kill('SIGKILL');
  await once(child, 'exit');
  if (said !== String(frames * 160)) throw new Error(`it captured ${said} samples`);
}
