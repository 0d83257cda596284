/** Small files in the data folder that the command line changes while a server runs. */
import { renameSync, statSync, writeFileSync } from 'node:fs';
import type { Clock, Timer } from '../clock.ts';
import { reasonOf, TonearmError } from '../errors.ts';

const LOOK_EVERY_MS = 2000;

/** In one step: whoever reads the file sees the old or the new one. Throws TonearmError `dataFolder`. */
export function writeKeptFile(file: string, content: string): void {
  try {
    // Flushed before it takes the other's name: a power cut leaves one or the other, not an empty file.
    writeFileSync(`${file}.new`, content, { mode: 0o600, flush: true });
    renameSync(`${file}.new`, file);
  } catch (thrown) {
    throw new TonearmError('dataFolder', `${file} can't be written: ${reasonOf(thrown)}.`);
  }
}

/** Looks at the file every two seconds, and calls `changed` when it is another one than before. Whoever watches cancels. */
export function watchKeptFile(file: string, clock: Clock, changed: () => void): Timer {
  let version = versionOf(file);
  let timer: Timer;
  const look = () => {
    timer = clock.after(LOOK_EVERY_MS, look);
    const now = versionOf(file);
    if (now === version) return;
    version = now;
    changed();
  };
  timer = clock.after(LOOK_EVERY_MS, look);
  return { cancel: () => timer.cancel() };
}

/** Changes whenever the file does. */
function versionOf(file: string): string {
  try {
    const { mtimeMs, ino, size } = statSync(file);
    return `${mtimeMs} ${ino} ${size}`;
  } catch {
    return 'none';
  }
}
