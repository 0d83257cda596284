import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SmallDisk {
  readonly folder: string;
  /** Writes until so many bytes are free; 0: until nothing more goes in. */
  fill(leaving?: number): void;
  /** Removes what `fill` wrote. */
  empty(): void;
  remove(): void;
}

/** A file system of its own, in memory. `undefined` for who may not mount one. */
export function smallDisk(megabytes: number): SmallDisk | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'tonearm-disk-'));
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder]).status !== 0) {
    rmdirSync(folder);
    return undefined;
  }
  const filler = join(folder, 'filler');
  return {
    folder,
    fill(leaving = 0) {
      const file = openSync(filler, 'a');
      const free = () => {
        const { bavail, bsize } = statfsSync(folder);
        return bavail * bsize;
      };
      try {
        for (let left = free() - leaving; left > 0; left = free() - leaving)
          writeSync(file, Buffer.alloc(Math.min(left, 1 << 20)));
      } catch (thrown) {
        if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOSPC')) throw thrown;
      } finally {
        closeSync(file);
      }
    },
    empty: () => rmSync(filler, { force: true }),
    remove() {
      // Whatever still has a file open there does not keep it.
      spawnSync('umount', ['-l', folder]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** For a test's `skip` option. */
export const noSmallDisk: string | false = (() => {
  const disk = smallDisk(1);
  disk?.remove();
  return disk === undefined && 'only who may mount a file system (root) has a small disk';
})();
