import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** For a test's `skip` option. */
export const noFaultyDisk: string | false =
  process.platform !== 'linux'
    ? 'disks are made faulty by a library of Linux'
    : !existsSync('/usr/bin/cc') && 'not installed: gcc, libc6-dev (apt-get install gcc libc6-dev)';

export interface FaultyDisk {
  /** A folder for data; whoever is started with `env` finds it as `set` has it. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  /** `slow`: each write of a recording takes `seconds`. */
  set(state: 'sound' | 'full' | 'readOnly' | { readonly slow: number }): void;
  remove(): void;
}

/** A disk that is sound at first. Built from faulty-disk.c. */
export function faultyDisk(): FaultyDisk {
  const home = mkdtempSync(join(tmpdir(), 'tonearm-faulty-'));
  const library = join(home, 'faulty-disk.so');
  const source = join(import.meta.dirname, 'faulty-disk.c');
  execFileSync('/usr/bin/cc', ['-O1', '-shared', '-fPIC', '-o', library, source, '-ldl']);
  const folder = join(home, 'data');
  const controlPath = join(home, 'control');
  writeFileSync(controlPath, Uint8Array.of(0, 0));
  const control = openSync(controlPath, 'r+');
  return {
    folder,
    env: { LD_PRELOAD: library, FAULTY_DISK_FOLDER: folder, FAULTY_DISK_CONTROL: controlPath },
    set(state) {
      const bytes =
        typeof state === 'object' ? [1, state.slow * 10] : [{ sound: 0, full: 2, readOnly: 3 }[state], 0];
      writeSync(control, Uint8Array.from(bytes), 0, 2, 0);
    },
    remove() {
      closeSync(control);
      rmSync(home, { recursive: true, force: true });
    },
  };
}
