/** How the server is, in numbers: read when somebody asks, as a difference to when somebody asked before. */
import type { Clock } from '../../clock.ts';
import type { Health } from './wire.ts';

export interface HealthParts {
  readonly ready: () => boolean;
  readonly calls: () => number;
  readonly recordingsLive: () => number;
  /** Of all lines, since the start. */
  readonly packets: () => Promise<{ readonly expected: number; readonly received: number }>;
  readonly diskFreeBytes: () => Promise<number>;
  readonly outbox: () => { readonly pending: number; readonly undelivered: number };
  readonly clock: Clock;
  /** Default: this process's. Microseconds of all its threads. */
  readonly cpuUsage?: () => { readonly user: number; readonly system: number };
}

interface Sample {
  readonly at: number;
  readonly expected: number;
  readonly received: number;
  readonly cpuMicroseconds: number;
}

/** Whoever asks sooner is told the same once more: differences over less say little. */
const FRESH_MS = 1000;

export function healthReading(parts: HealthParts): () => Promise<Health> {
  const { clock, cpuUsage = () => process.cpuUsage() } = parts;
  let before: Sample = { at: clock.monotonic(), expected: 0, received: 0, cpuMicroseconds: 0 };
  let newest: { readonly at: number; readonly health: Promise<Health> } | undefined;

  const read = async (): Promise<Health> => {
    const [{ expected, received }, diskFreeBytes] = await Promise.all([
      parts.packets(),
      parts.diskFreeBytes(),
    ]);
    const { user, system } = cpuUsage();
    const now = { at: clock.monotonic(), expected, received, cpuMicroseconds: user + system };
    const ms = Math.max(1, now.at - before.at);
    const [wanted, came] = [expected - before.expected, received - before.received];
    const spent = now.cpuMicroseconds - before.cpuMicroseconds;
    before = now;
    const { pending, undelivered } = parts.outbox();
    return {
      at: clock.now(),
      ready: parts.ready(),
      calls: parts.calls(),
      recordingsLive: parts.recordingsLive(),
      // What comes late, or twice, makes up for what was missing before.
      ...(wanted > 0 && { packetLoss: Math.min(1, Math.max(0, 1 - came / wanted)) }),
      ...(came > 0 && { microsecondsPerPacket: spent / came }),
      packetsPerSecond: Math.max(0, (came * 1000) / ms),
      cpu: spent / 1000 / ms,
      residentBytes: process.memoryUsage.rss(),
      diskFreeBytes,
      outboxPending: pending,
      outboxUndelivered: undelivered,
      uptimeSeconds: process.uptime(),
    };
  };

  return () => {
    if (newest === undefined || newest.at + FRESH_MS <= clock.monotonic())
      newest = { at: clock.monotonic(), health: read() };
    return newest.health;
  };
}
