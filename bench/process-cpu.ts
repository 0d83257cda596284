/** What a process used of the CPU and the memory, and what it did not get to read: from Linux's /proc. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

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
 * Datagrams that the kernel threw away because the process did not read them in time: the last column of /proc/net/udp,
 * over the IPv4 sockets that it has open.
 */
export function droppedDatagrams(pid: number): number {
  return droppedOf(socketsOf(pid), readFileSync('/proc/net/udp', 'utf8'));
}

/** The sum of the drops in `table`, a /proc/net/udp, over the sockets with these inodes. */
export function droppedOf(inodes: ReadonlySet<string>, table: string): number {
  let dropped = 0;
  for (const line of table.split('\n').slice(1)) {
    const columns = line.trim().split(/\s+/);
    if (inodes.has(columns[9] ?? '')) dropped += Number(columns.at(-1));
  }
  return dropped;
}

/** Inodes of the sockets that a process has open. */
function socketsOf(pid: number): ReadonlySet<string> {
  const inodes = new Set<string>();
  for (const descriptor of readdirSync(`/proc/${pid}/fd`)) {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${descriptor}`))?.[1];
      if (inode !== undefined) inodes.add(inode);
    } catch {
      // It was closed between the two looks.
    }
  }
  return inodes;
}
