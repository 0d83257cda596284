/**
 * A line over RTP: one call's pair of UDP sockets, and what is heard and sent on them.
 */

import { randomBytes } from 'node:crypto';
import type { RemoteInfo } from 'node:dgram';
import type { Clock } from '../clock.ts';
import { TonearmError } from '../errors.ts';
import type { Log } from '../log.ts';
import { emptyRtpPacket, readRtp } from '../wire/rtp.ts';
import { type BargeInWatch, watchForBargeIn } from './barge-in.ts';
import { KEY_DELAY } from './dtmf.ts';
import { Hearing } from './hearing.ts';
import { LOOK_BACK_SAMPLES } from './history.ts';
import { Latch } from './latch.ts';
import {
  type BargeIn,
  type Frame,
  type Key,
  type Line,
  type LineReport,
  type PlayEnd,
  SPEECH_TAIL,
} from './line.ts';
import { createPlayer, type Player, type SendSilence, sendingOf } from './player.ts';
import { createPortPairs, type PortPair, type PortPairs, type PortRange } from './ports.ts';
import { Reception } from './reception.ts';
import { createReports, type Reports } from './reports.ts';
import type { AudioParameters } from './session-description.ts';
import { createTick, type Tick, type Ticked } from './tick.ts';
import { LONGEST_PACKET } from './timeline.ts';

export interface RtpLineOptions {
  /** Where the sockets are bound; also decides between IPv4 and IPv6. */
  readonly address: string;
  /** A worker's pairs, shared by its lines; a bare range is for a line that is alone. */
  readonly ports: PortPairs | PortRange;
  /** A worker's tick, shared by its lines; without it the line has one of its own. */
  readonly tick?: Tick;
  readonly clock: Clock;
  readonly log: Log;
  /** Default: `keepalive`. */
  readonly sendSilence?: SendSilence;
}

/** What came and went, since the line opened. */
export interface RtpCounts {
  /** Datagrams on the RTP port. */
  readonly received: number;
  /** Of these: no RTP, a payload type that was not agreed on, or of an absurd length. */
  readonly invalid: number;
  /** Of these: from somebody else than the caller. */
  readonly strays: number;
  /** Packets of the caller's present stream that were lost, in all; duplicates count against it. */
  readonly lost: number;
  /** Interarrival jitter of the caller's stream, samples. */
  readonly jitter: number;
  readonly sent: number;
  readonly sendErrors: number;
}

/** So much sending that did nothing but fail makes what plays fail. */
const FAILING_MS = 1000;
const ANY_ADDRESS = new Set(['0.0.0.0', '::']);
const LONGEST_SMALL_PAYLOAD = 256;

/** Binds a pair of ports. Throws TonearmError `noPorts` or `mediaAddress` (see PortPairs). The caller closes the line. */
export async function openRtpLine(options: RtpLineOptions): Promise<RtpLine> {
  const { ports } = options;
  const pairs = 'open' in ports ? ports : createPortPairs(ports);
  return new RtpLine(await pairs.open(options.address), options);
}

/** See openRtpLine. Nothing is heard or sent before `connect`; time passes from then on. */
export class RtpLine implements Line {
  readonly lookBack: number = LOOK_BACK_SAMPLES;
  readonly speechTail: number = SPEECH_TAIL;
  readonly #pair: PortPair;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #tick: Tick;
  readonly #ticked: Ticked;
  readonly #packet = emptyRtpPacket();
  readonly #latch = new Latch();
  readonly #reception = new Reception();
  readonly #hearing = new Hearing((frame) => this.#heard(frame));
  readonly #player: Player;
  readonly #reports: Reports;
  /** By payload type. */
  readonly #meanings: (AudioParameters['receive'][number] | undefined)[] = new Array(128).fill(undefined);
  #parameters: AudioParameters | undefined;
  #closed = false;
  #speaking = false;
  #watch: BargeInWatch | undefined;
  #brokeIn: ((end: PlayEnd) => void) | undefined;
  #onKey: ((key: Key) => void) | undefined;
  #received = 0;
  #invalid = 0;
  #strays = 0;
  #sendErrors = 0;
  #failing = 0;

  constructor(pair: PortPair, options: Omit<RtpLineOptions, 'address' | 'ports'>) {
    const { clock, log } = options;
    this.#pair = pair;
    this.#clock = clock;
    this.#log = log;
    const random = randomBytes(22);
    const ssrc = random.readUInt32BE(0);
    this.#player = createPlayer({
      ssrc,
      // RFC 3711 §3.3.1 advises the lower half, so that no early loss is taken for a wrap.
      sequence: random.readUInt16BE(4) & 0x7fff,
      timestamp: random.readUInt32BE(6),
      silence: options.sendSilence ?? 'keepalive',
      transmit: (bytes) => this.#transmit(bytes),
    });
    this.#reports = createReports({
      ssrc,
      cname: random.subarray(10).toString('base64'),
      player: this.#player,
      reception: this.#reception,
      clock,
      random: Math.random,
    });
    pair.rtp.on('message', this.#onRtp);
    pair.rtcp.on('message', this.#onRtcp);
    pair.rtp.on('error', this.#onSocketError);
    pair.rtcp.on('error', this.#onSocketError);
    this.#ticked = { sendAt: 0, fillAt: 0, send: (now) => this.#send(now), fill: (now) => this.#fill(now) };
    this.#tick = options.tick ?? createTick(clock);
    this.#tick.add(this.#ticked);
  }

  /** The even port; RTCP is on the next. */
  get port(): number {
    return this.#pair.port;
  }

  /** As Line.keyDelay: what comes as events is told at once. */
  get keyDelay(): number {
    return this.#meanings.includes('telephone-event') ? 0 : KEY_DELAY;
  }

  get position(): number {
    return this.#hearing.position;
  }

  get counts(): RtpCounts {
    return {
      received: this.#received,
      invalid: this.#invalid,
      strays: this.#strays,
      lost: this.#reception.expected - this.#reception.received,
      jitter: this.#reception.jitter,
      sent: this.#player.packets,
      sendErrors: this.#sendErrors,
    };
  }

  report(): LineReport {
    const { expected, received } = this.#reception;
    return { noiseFloor: this.#hearing.floor, expected, received, late: this.#hearing.late };
  }

  /** Takes what offer/answer settled, first or anew. Time begins to pass with the first. Does nothing on a closed line. */
  connect(parameters: AudioParameters): void {
    if (this.#closed) return;
    const { remote, direction } = parameters;
    if (this.#parameters === undefined) this.#hearing.open(this.#clock.monotonic());
    this.#parameters = parameters;
    this.#ticked.sendAt = 0;
    this.#meanings.fill(undefined);
    for (const [payloadType, meaning] of Object.entries(parameters.receive))
      this.#meanings[Number(payloadType)] = meaning;
    const unknown = remote.address === '';
    const reachable = unknown || (isPort(remote.port) && !ANY_ADDRESS.has(remote.address));
    if (reachable) this.#latch.given(remote.address, remote.port, remote.rtcpPort);
    const hasEvents = Object.values(parameters.receive).includes('telephone-event');
    this.#hearing.listenForTones(!hasEvents);
    this.#hearing.expectMedia(reachable && direction === 'sendrecv');
    this.#player.change(reachable ? sendingOf(parameters) : undefined);
  }

  /** As Line.play; rejects with TonearmError `sendFailed` when nothing could be sent for a second, `lineBusy` while something plays. */
  async play(
    audio: Int16Array,
    options: { readonly bargeIn?: BargeIn | undefined; readonly signal: AbortSignal },
  ): Promise<PlayEnd> {
    if (this.#closed || options.signal.aborted) return { by: 'aborted' };
    const broken = new AbortController();
    const signal = AbortSignal.any([options.signal, broken.signal]);
    const playing = this.#player.play(audio, signal);
    this.#ticked.sendAt = 0;
    let brokenBy: PlayEnd | undefined;
    if (options.bargeIn !== undefined) {
      this.#watch = watchForBargeIn(options.bargeIn, this.#speaking);
      this.#brokeIn = (end) => {
        brokenBy = end;
        broken.abort();
      };
    }
    try {
      const finished = await playing;
      return brokenBy ?? { by: finished ? 'end' : 'aborted' };
    } finally {
      this.#watch = undefined;
      this.#brokeIn = undefined;
    }
  }

  /** As Line.listen; rejects with TonearmError `listening` when somebody does already. */
  listen<T>(
    hear: (frame: Readonly<Frame>) => T | undefined,
    options: { readonly from?: number | undefined; readonly signal: AbortSignal },
  ): Promise<T | undefined> {
    return this.#hearing.listen(hear, options);
  }

  /** As Line.sendKeys; throws TonearmError `noTelephoneEvents` when the caller takes none, `lineBusy` while something plays. */
  async sendKeys(
    keys: readonly Key[],
    options: { durationMs?: number; gapMs?: number; signal: AbortSignal },
  ): Promise<void> {
    if (this.#closed) return;
    const { durationMs = 100, gapMs = 80, signal } = options;
    const pressed = this.#player.keys(keys, durationMs, gapMs, signal);
    this.#ticked.sendAt = 0;
    await pressed;
  }

  /** Sends silence in the place of what plays, or no longer. */
  mute(muted: boolean): void {
    this.#player.mute(muted);
  }

  /** Tells of every key that is pressed from now on, whoever listens besides. */
  watchKeys(onKey: (key: Key) => void): void {
    this.#onKey = onKey;
  }

  /** Says goodbye by RTCP, ends who listens and what plays, gives the ports back. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    if (this.#parameters !== undefined) this.#sendRtcp(this.#reports.goodbye(this.#clock.monotonic()));
    this.#closed = true;
    this.#tick.remove(this.#ticked);
    this.#hearing.close();
    this.#player.stop();
    this.#pair.close();
    this.#log.debug({ port: this.port, ...this.counts }, 'line closed');
  }

  readonly #onRtp = (bytes: Buffer, from: RemoteInfo) => {
    if (this.#parameters === undefined || this.#closed) return;
    this.#received++;
    const packet = this.#packet;
    const meaning = readRtp(bytes, packet) === undefined ? this.#meanings[packet.payloadType] : undefined;
    const length = packet.payloadEnd - packet.payloadStart;
    const audio = meaning === 'PCMU' || meaning === 'PCMA';
    if (meaning === undefined || length > (audio ? LONGEST_PACKET : LONGEST_SMALL_PAYLOAD)) {
      this.#invalid++;
      return;
    }
    const now = this.#clock.monotonic();
    if (!this.#latch.accept(from.address, from.port, packet.ssrc, now)) {
      this.#strays++;
      return;
    }
    this.#reception.packet(packet.ssrc, packet.sequence, packet.timestamp, audio, now);
    if (meaning === 'telephone-event') this.#hearing.event(bytes, packet, now);
    else if (audio && length > 0) this.#hearing.audio(meaning, bytes, packet, now);
    else this.#hearing.silence(packet, now);
  };

  readonly #onRtcp = (bytes: Buffer, from: RemoteInfo) => {
    if (this.#closed || from.address !== this.#latch.address) return;
    if (this.#reports.hear(bytes, this.#clock.monotonic())) this.#latch.acceptRtcp(from.address, from.port);
  };

  /** A socket that reports an error goes on: what it was about is lost, and counted. */
  readonly #onSocketError = () => {
    this.#sendErrors++;
  };

  readonly #onSent = (error: Error | null) => {
    if (error === null) {
      this.#failing = 0;
      return;
    }
    this.#sendErrors++;
    this.#failing += this.#parameters?.packetTimeMs ?? 0;
    if (this.#failing < FAILING_MS) return;
    this.#failing = 0;
    const to = `${this.#latch.address}:${this.#latch.port}`;
    this.#player.fail(
      new TonearmError('sendFailed', `nothing can be sent to ${to}: ${error.message}`, { cause: error }),
    );
  };

  #heard(frame: Readonly<Frame>): void {
    this.#speaking = frame.speech;
    if (frame.tone !== undefined) this.#onKey?.(frame.tone);
    const end = this.#watch?.(frame);
    if (end === undefined) return;
    this.#watch = undefined;
    this.#brokeIn?.(end);
  }

  #send(now: number): void {
    const again = this.#player.send(now);
    this.#ticked.sendAt = again;
    if (this.#parameters === undefined) return;
    const report = this.#reports.due(now);
    if (report !== undefined) this.#sendRtcp(report);
    this.#ticked.sendAt = Math.min(again, this.#reports.dueAt);
  }

  #fill(now: number): void {
    if (this.#parameters !== undefined) this.#ticked.fillAt = this.#hearing.fill(now);
  }

  #transmit(bytes: Uint8Array): void {
    // Nobody knows yet where to: time passes all the same.
    if (this.#latch.port === 0) return;
    this.#pair.rtp.send(bytes, 0, bytes.length, this.#latch.port, this.#latch.address, this.#onSent);
  }

  #sendRtcp(bytes: Buffer): void {
    const { address, port, rtcpPort } = this.#latch;
    if (port === 0 || !isPort(rtcpPort)) return;
    this.#pair.rtcp.send(bytes, rtcpPort, address, (error) => {
      if (error !== null) this.#sendErrors++;
    });
  }
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port > 0 && port < 65536;
}
