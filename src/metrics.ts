/** What `/metrics` tells of the server, besides the process's own: names, their meanings, and where each number comes from. */
import type { HealthOptions } from './http/health.ts';
import type { Notifier } from './notify/outbox.ts';
import type { Recordings } from './recording/recordings.ts';
import type { UserAgent } from './sip/user-agent.ts';

export interface MetricsParts {
  readonly activeCalls: () => number;
  readonly recordings: Recordings;
  readonly notifier: Notifier;
  /** `undefined`: SIP is not there yet. */
  readonly signalling: () => UserAgent['counts'] | undefined;
  /** RTP of all calls since the start. */
  readonly packets: () => Promise<{ readonly expected: number; readonly received: number }>;
}

/** Every number, read when it is asked for. */
export function metricsOf({
  activeCalls,
  recordings,
  notifier,
  signalling,
  packets,
}: MetricsParts): Pick<HealthOptions, 'gauges' | 'counters'> {
  return {
    gauges: {
      tonearm_calls_active: { help: 'Calls that are not terminated', read: activeCalls },
      tonearm_recordings_free_bytes: {
        help: 'Room on the disk of the recordings; NaN when it cannot be written to',
        read: () => recordings.room.free(),
      },
      tonearm_recordings_waiting: {
        help: 'Recordings in the spool whose finished file the disk has refused so far',
        read: () => recordings.waiting,
      },
      tonearm_recordings_live: { help: 'Recordings that are being made', read: () => recordings.live },
      tonearm_outbox_pending: {
        help: 'Notifications that bots have yet to receive',
        read: () => notifier.counts().pending,
      },
      tonearm_outbox_undelivered: {
        help: 'Notifications that bots would not take',
        read: () => notifier.counts().undelivered,
      },
      tonearm_sip_transactions: {
        help: 'SIP transactions that live',
        read: () => signalling()?.transactions ?? 0,
      },
      tonearm_sip_dialogs: { help: 'SIP dialogs', read: () => signalling()?.dialogs ?? 0 },
      tonearm_sip_sources: {
        help: 'Addresses that SIP came from and that are remembered',
        read: () => signalling()?.sources ?? 0,
      },
    },
    counters: {
      tonearm_recordings_refused_total: {
        help: 'Recordings that were not begun because their disk had no room',
        read: () => recordings.room.refused,
      },
      tonearm_rtp_packets_expected_total: {
        help: 'RTP packets that callers sent, to go by their numbers',
        read: async () => (await packets()).expected,
      },
      tonearm_rtp_packets_received_total: {
        help: 'Of these came so many, duplicates included',
        read: async () => (await packets()).received,
      },
      tonearm_sip_turned_away_total: {
        help: 'SIP that was not read, answered or done because there was too much of it',
        label: 'of',
        read: () => signalling()?.turnedAway ?? {},
      },
    },
  };
}
