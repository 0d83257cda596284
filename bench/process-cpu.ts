/** What a process and each of its threads used of the CPU, from Linux's /proc. */
import { readdirSync, readFileSync } from 'node:fs';

/** A moment's reading; only differences between two mean anything. */
export interface CpuReading {
  readonly threads: ReadonlyMap<number, { readonly name: string; readonly nanoseconds: number }>;
}

export interface CpuUse {
  /** Milliseconds of all threads. */
  readonly processMs: number;
  /** Of the busiest thread beside the main one: the media worker, when there is one. */
  readonly busiest: { readonly name: string; readonly ms: number };
}

/** Reads `/proc/<pid>/task/*`. Throws when there is no such process. */
export function readCpu(pid: number): CpuReading {
  const threads = new Map<number, { name: string; nanoseconds: number }>();
  for (const id of readdirSync(`/proc/${pid}/task`)) {
    try {
      const folder = `/proc/${pid}/task/${id}`;
      const nanoseconds = Number(readFileSync(`${folder}/schedstat`, 'utf8').split(' ')[0]);
      threads.set(Number(id), { name: readFileSync(`${folder}/comm`, 'utf8').trim(), nanoseconds });
    } catch {
      // The thread ended between the two looks.
    }
  }
  return { threads };
}

/** What process `pid` used from one reading to the next. */
export function cpuBetween(before: CpuReading, after: CpuReading, pid: number): CpuUse {
  let processMs = 0;
  let busiest = { name: '', ms: 0 };
  for (const [id, { name, nanoseconds }] of after.threads) {
    const ms = (nanoseconds - (before.threads.get(id)?.nanoseconds ?? 0)) / 1e6;
    processMs += ms;
    if (id !== pid && ms > busiest.ms) busiest = { name, ms };
  }
  return { processMs, busiest };
}

/** Megabytes that the process holds in memory. */
export function residentMegabytes(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Math.round(Number(match?.[1] ?? 0) / 1024);
}

/**
 * Datagrams that the kernel threw away because nobody read them in time, over the open IPv4 sockets on local ports
 * `min`–`max`: the last column of /proc/net/udp.
 */
export function droppedDatagrams(
  ports: { readonly min: number; readonly max: number },
  table = readFileSync('/proc/net/udp', 'utf8'),
): number {
  let dropped = 0;
  for (const line of table.split('\n').slice(1)) {
    const columns = line.trim().split(/\s+/);
    const port = Number.parseInt(columns[1]?.split(':')[1] ?? '', 16);
    if (port >= ports.min && port <= ports.max) dropped += Number(columns.at(-1));
  }
  return dropped;
}
