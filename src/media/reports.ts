/**
 * The RTCP of a line: a report about every five seconds, a goodbye at the end, and what the far end reports of us (RFC 3550 §6).
 */
import type { Clock } from '../clock.ts';
import { formatRtcp, parseRtcp, type ReportBlock, type RtcpPacket } from '../wire/rtcp.ts';
import type { Player } from './player.ts';
import type { Reception } from './reception.ts';

/** RFC 3550 §6.2: five seconds, half of it at first; §6.3.1: spread from half to one and a half of that. */
const INTERVAL_MS = 5000;
/** Seconds from 1900 to 1970. */
const NTP_EPOCH = 2_208_988_800;

export interface Reports {
  /** What the far end said last of what it gets from us. */
  readonly farEnd: ReportBlock | undefined;
  /** When the next report is due. */
  readonly dueAt: number;
  /** The compound packet that is to be sent now, if it is time. */
  due(now: number): Buffer | undefined;
  /** The last one: a report and a goodbye. */
  goodbye(now: number): Buffer;
  /** Takes in what came on the RTCP port; `false` when it is not RTCP. Never throws. */
  hear(bytes: Uint8Array, now: number): boolean;
}

export interface ReportsOptions {
  readonly ssrc: number;
  /** Names this line and nothing else of ours (RFC 7022 §4.2). */
  readonly cname: string;
  readonly player: Player;
  readonly reception: Reception;
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
}

export function createReports(options: ReportsOptions): Reports {
  return new LineReports(options);
}

/** One a line: a class, as hearing.ts says why. */
class LineReports implements Reports {
  readonly #options: ReportsOptions;
  #dueAt: number;
  #packetsBefore = 0;
  #sentBefore = false;
  #farEnd: ReportBlock | undefined;

  constructor(options: ReportsOptions) {
    this.#options = options;
    this.#dueAt = options.clock.monotonic() + this.#pauseMs() / 2;
  }

  get farEnd(): ReportBlock | undefined {
    return this.#farEnd;
  }

  get dueAt(): number {
    return this.#dueAt;
  }

  due(now: number): Buffer | undefined {
    if (now < this.#dueAt) return undefined;
    this.#dueAt = now + this.#pauseMs();
    return formatRtcp(this.#report(now));
  }

  goodbye(now: number): Buffer {
    return formatRtcp([...this.#report(now), { type: 'BYE', sources: [this.#options.ssrc] }]);
  }

  hear(bytes: Uint8Array, now: number): boolean {
    const { ssrc, reception } = this.#options;
    const parsed = parseRtcp(bytes);
    if (!parsed.ok) return false;
    for (const packet of parsed.packets) {
      if (packet.type === 'SR') reception.senderReport(packet.ssrc, packet.sender, now);
      if (packet.type !== 'SR' && packet.type !== 'RR') continue;
      this.#farEnd = packet.reports.find((block) => block.ssrc === ssrc) ?? this.#farEnd;
    }
    return true;
  }

  #pauseMs() {
    return INTERVAL_MS * (0.5 + this.#options.random());
  }

  #report(now: number): RtcpPacket[] {
    const { ssrc, cname, player, reception, clock } = this.#options;
    const block = reception.report(now);
    const reports = block === undefined ? [] : [block];
    const sent = player.packets > this.#packetsBefore;
    this.#packetsBefore = player.packets;
    // RFC 3550 §6.4: a sender's report when something was sent since the report before the last.
    const sender = sent || this.#sentBefore;
    this.#sentBefore = sent;
    const description: RtcpPacket = { type: 'SDES', chunks: [{ ssrc, cname }] };
    if (!sender) return [{ type: 'RR', ssrc, reports }, description];
    const unixMs = clock.now();
    const info = {
      ntpSeconds: (Math.floor(unixMs / 1000) + NTP_EPOCH) >>> 0,
      ntpFraction: Math.floor(((unixMs % 1000) / 1000) * 2 ** 32),
      rtpTimestamp: player.timestamp(now),
      packets: player.packets,
      octets: player.octets,
    };
    return [{ type: 'SR', ssrc, sender: info, reports }, description];
  }
}
