/** A wired line under a recorder: datagrams in, and out comes what the spool wrote, all in virtual time and on one thread. */
import type { OperationEnd } from '../../src/operation/operation.ts';
import { createQueue } from '../../src/operation/queue.ts';
import { onePrompt, ready, recordSpec } from './operation-stage.ts';
import { type OpenFiles, spoolOnOneThread } from './spooled-take.ts';
import { settle } from './virtual-clock.ts';
import type { Happening, WiredLine } from './wired-line.ts';

export interface Recorded {
  /** At the rate of the line's ring; interleaved when there are two channels. */
  readonly samples: Int16Array;
  readonly rate: 8000 | 16_000;
  readonly end: OperationEnd;
}

/** Nothing but the end of the script ends it. */
const PATIENT = {
  initialSilenceMs: 1e9,
  maxSilenceMs: 1e9,
  maxDurationMs: 1e9,
  noMediaMs: 1e9,
} as const;

/**
 * Records from the line's first instant on, until `untilMs` or until a rule of the spec ends it. `pollMs`: how often the spool's thread
 * gets its turn.
 */
export async function recordOnWire(
  wire: WiredLine,
  script: readonly Happening[],
  untilMs: number,
  options: {
    readonly spec?: Parameters<typeof recordSpec>[0];
    readonly channels?: 1 | 2;
    readonly pollMs?: number;
    /** Played before, at 8 kHz. */
    readonly prompt?: Int16Array;
  } = {},
): Promise<Recorded> {
  const { spec = {}, channels = 1, pollMs = 100, prompt } = options;
  const { line } = wire;
  const written = memoryFiles();
  const spool = spoolOnOneThread(written.open);
  const queue = createQueue(line, {
    beep: new Int16Array(0),
    openTake: (take, onGrown) => spool.openTake(take, line.ring(take.channels), onGrown),
  });
  const asked = recordSpec({ ...PATIENT, ...spec, prompts: prompt ? onePrompt : [] });
  const run = queue.run(
    { ...asked, take: { ...asked.take, channels } },
    prompt ? [ready(prompt)] : [],
    () => {},
  );
  await settle();
  for (const ms of wire.ticks(script, untilMs)) {
    if (ms % pollMs < 20) spool.poll();
    // What follows the prompt is asked for by promises.
    if (prompt) await settle();
  }
  await settle();
  await queue.close('hangUp');
  const end = await run.ended;
  await line.close();
  return { samples: written.samples(), rate: written.rate(), end };
}

/** A file of one take. */
function memoryFiles() {
  let samples = new Int16Array(1 << 16);
  let length = 0;
  let rate: 8000 | 16_000 = 8000;
  const open: OpenFiles = (_spec, ring) => {
    const width = (ring.rate / 8000) * ring.channels;
    rate = ring.rate;
    return {
      write(part, at) {
        const end = at * width + part.length;
        if (end > samples.length) {
          const larger = new Int16Array(2 * end);
          larger.set(samples);
          samples = larger;
        }
        samples.set(part, at * width);
      },
      seal(sealed) {
        length = sealed * width;
      },
    };
  };
  return { open, samples: () => samples.subarray(0, length), rate: () => rate };
}
