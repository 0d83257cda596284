import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** What a program prints, on both of its outputs, and a way to wait for it. */
export interface Output {
  text(): string;
  /** Resolves once `text` was printed; rejects when the program ends, or after 60 s, without. */
  said(text: string): Promise<void>;
  /** Settles when the program has ended. */
  readonly ended: Promise<unknown>;
}

export function outputOf(name: string, child: ChildProcess): Output {
  const ended = once(child, 'exit');
  const watchers = new Set<() => void>();
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      log += chunk.toString('latin1');
      for (const watcher of watchers) watcher();
    });
  }
  return {
    ended,
    text: () => log,
    said(text) {
      return new Promise((resolve, reject) => {
        const give = () => reject(new Error(`${name} never said «${text}»:\n${log}`));
        const deadline = setTimeout(give, 60_000);
        void ended.then(give);
        const look = () => {
          if (!log.includes(text)) return;
          clearTimeout(deadline);
          watchers.delete(look);
          resolve();
        };
        watchers.add(look);
        look();
      });
    },
  };
}
