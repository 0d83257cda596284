/**
 * A line over RTP: one call's pair of UDP sockets, and what is heard and sent on them.
 */

import { randomBytes } from 'node:crypto';
import { type Clock, pause } from '../clock.ts';
import { TonearmError } from '../errors.ts';
import type { Log } from '../log.ts';
import { emptyRtpPacket, readRtp } from '../wire/rtp.ts';
import type { Fingerprint } from '../wire/sdp.ts';
import { type BargeInWatch, watchForBargeIn } from './barge-in.ts';
import { isCodec, isWide } from './codecs.ts';
import type { DtlsIdentity } from './dtls-identity.ts';
import { Hearing } from './hearing.ts';
import { LOOK_BACK_SAMPLES } from './history.ts';
import type { DtmfMode } from './keys.ts';
import { Latch } from './latch.ts';
import {
  type BargeIn,
  type Frame,
  type FrameListener,
  type Heard,
  type Key,
  type Line,
  type LineReport,
  type PlayEnd,
  type Sensitivity,
  SPEECH_TAIL,
} from './line.ts';
import { type AudioRing, type LineMemories, LineMemory, RING_SAMPLES } from './line-memory.ts';
import { type Meanings, meaningsOf } from './meanings.ts';
import { FAST, OPUS_TICKS, OpusTicks } from './opus-ticks.ts';
import { Pace } from './pace.ts';
import { createPlayer, PACKET_BYTES, type Player, type SendSilence, sendingOf } from './player.ts';
import { createPortPairs, type PortPair, type PortPairs, type PortRange } from './ports.ts';
import { Reception } from './reception.ts';
import { createReports, type Reports } from './reports.ts';
import { createNodeSockets, type DatagramListener } from './rtp-sockets.ts';
import { type SecureLoss, SecureTransport } from './secure-transport.ts';
import type { AudioParameters } from './session-description.ts';
import { createTick, type Tick, type Turn } from './tick.ts';
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
  /** A worker's memory for lines, shared by them; without it the line has some of its own. */
  readonly memories?: LineMemories;
  /** Default: `keepalive`. */
  readonly sendSilence?: SendSilence;
  /** Default: `auto`. */
  readonly dtmf?: DtmfMode | undefined;
  /** Given, the line is for ICE and DTLS-SRTP, and shows this certificate. */
  readonly identity?: DtlsIdentity | undefined;
  /** Told once, of a line for DTLS: there is, or will be, no media. */
  readonly onLost?: ((loss: SecureLoss) => void) | undefined;
}

/** What came and went, since the line opened. */
export interface RtpCounts {
  /** Datagrams on the RTP port. */
  readonly received: number;
  /** Of these: no RTP, a payload type that was not agreed on, or of an absurd length, or too many; no RTP that is to be believed. */
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

/** So long does what is to play wait for DTLS: a browser that needs more has no media. */
const SECURING_MS = 10_000;
/** So much sending that did nothing but fail makes what plays fail. */
const FAILING_MS = 1000;
const ANY_ADDRESS = new Set(['0.0.0.0', '::']);
const LONGEST_SMALL_PAYLOAD = 256;
/** Filled and read at once: one for all lines. */
const PACKET = emptyRtpPacket();

/** Binds a pair of ports. Throws TonearmError `noPorts` or `mediaAddress` (see PortPairs). The caller closes the line. */
export async function openRtpLine(options: RtpLineOptions): Promise<RtpLine> {
  const { ports } = options;
  const sockets = createNodeSockets(() => options.clock.monotonic());
  const pairs = 'open' in ports ? ports : createPortPairs(ports, sockets);
  return new RtpLine(await pairs.open(options.address), options);
}

/** See openRtpLine. Nothing is heard or sent before `connect`; time passes from then on. */
export class RtpLine implements Line, DatagramListener, FrameListener<void> {
  // What each packet looks at stands first, and together: in few lines of the cache.
  readonly #latch: Latch;
  readonly #reception: Reception;
  readonly #hearing: Hearing;
  readonly #secure: SecureTransport | undefined;
  #meanings: Meanings = [];
  #ticks: OpusTicks | undefined;
  #connected = false;
  #closed = false;
  readonly #pace: Pace;
  readonly #memory: LineMemory;
  #watch: BargeInWatch | undefined;
  #onHeard: ((heard: Heard) => void) | undefined;
  /** As `#onHeard` was told last. */
  #spoke = false;
  #received = 0;
  readonly lookBack: number = LOOK_BACK_SAMPLES;
  readonly speechTail: number = SPEECH_TAIL;
  readonly #pair: PortPair;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #turn: Turn;
  readonly #player: Player;
  readonly #reports: Reports;
  readonly #dtmf: DtmfMode;
  /** As Options.identity's fingerprint. */
  readonly fingerprint: Fingerprint | undefined;
  #packetTimeMs = 0;
  /** What a closed line has to say: its memory may be another's. */
  #last: { readonly position: number; readonly counts: RtpCounts; readonly report: LineReport } | undefined;
  #brokeIn: ((end: PlayEnd) => void) | undefined;
  #onKey: ((key: Key) => void) | undefined;
  #invalid = 0;
  #strays = 0;
  #sendErrors = 0;
  #failing = 0;

  constructor(pair: PortPair, options: Omit<RtpLineOptions, 'address' | 'ports'>) {
    const { clock, log } = options;
    this.#pair = pair;
    this.#clock = clock;
    this.#log = log;
    this.#dtmf = options.dtmf ?? 'auto';
    this.#memory = options.memories?.claim() ?? new LineMemory();
    this.#latch = new Latch(this.#memory);
    this.#reception = new Reception(this.#memory);
    this.#pace = new Pace(this.#memory);
    this.#hearing = new Hearing(this, this.#memory);
    const random = randomBytes(22);
    const ssrc = random.readUInt32BE(0);
    this.#player = createPlayer({
      ssrc,
      // RFC 3711 §3.3.1 advises the lower half, so that no early loss is taken for a wrap.
      sequence: random.readUInt16BE(4) & 0x7fff,
      timestamp: random.readUInt32BE(6),
      silence: options.sendSilence ?? 'keepalive',
      buffers: pair.rtp.sendsAtOnce ? ONE_PACKET : somePackets(),
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
    this.fingerprint = options.identity?.fingerprint;
    this.#secure = options.identity && this.#openSecure(options.identity, options.onLost);
    pair.rtp.listen(this);
    pair.rtcp.listen({ datagram: this.#onRtcp, failed: () => this.failed() });
    const tick = options.tick ?? createTick(clock);
    this.#turn = tick.add({ send: (now) => this.#send(now), fill: (now) => this.#fill(now) });
  }

  /** Where what it hears lies for a second and more: what a take is written from. Of two channels once `keepBoth` was called. */
  ring(channels: 1 | 2): AudioRing {
    const { samples, ringAt, marks, marksAt } = this.#memory;
    const shared = { base: ringAt, size: RING_SAMPLES, keep: LOOK_BACK_SAMPLES, channels, marks, marksAt };
    const own = this.#hearing.takeRing(channels);
    return own === undefined
      ? { ...shared, samples, at: ringAt, rate: 8000 }
      : { ...shared, samples: own.samples, at: 0, rate: own.rate };
  }

  /** The even port; RTCP is on the next. */
  get port(): number {
    return this.#pair.port;
  }

  /** As Line.keyDelay: what comes as events only is told at once. */
  get keyDelay(): number {
    return this.#hearing.keyDelay;
  }

  set sensitivity(sensitivity: Sensitivity) {
    this.#hearing.sensitivity = sensitivity;
  }

  get position(): number {
    return this.#last?.position ?? this.#hearing.position;
  }

  get counts(): RtpCounts {
    return (
      this.#last?.counts ?? {
        received: this.#received,
        invalid: this.#invalid,
        strays: this.#strays,
        lost: this.#reception.expected - this.#reception.received,
        jitter: this.#reception.jitter,
        sent: this.#player.packets,
        sendErrors: this.#sendErrors,
      }
    );
  }

  report(): LineReport {
    if (this.#last !== undefined) return this.#last.report;
    const { expectedInAll: expected, receivedInAll: received } = this.#reception;
    const { floor: noiseFloor, late, concealed } = this.#hearing;
    return { noiseFloor, expected, received, late, concealed };
  }

  /** Takes what offer/answer settled, first or anew. Time begins to pass with the first. Does nothing on a closed line. */
  connect(parameters: AudioParameters): void {
    if (this.#closed) return;
    const { remote, direction, secure } = parameters;
    // A description without it cannot be one for this line.
    if ((secure === undefined) !== (this.#secure === undefined)) return;
    if (secure !== undefined) this.#secure?.connect(secure);
    if (!this.#connected) this.#hearing.open(this.#clock.monotonic());
    this.#connected = true;
    this.#packetTimeMs = parameters.packetTimeMs;
    this.#turn.sendAt = 0;
    this.#meanings = meaningsOf(parameters.receive);
    const unknown = remote.address === '';
    const reachable = unknown || (isPort(remote.port) && !ANY_ADDRESS.has(remote.address));
    if (reachable && secure === undefined)
      this.#latch.given(remote.address, remote.port, remote.rtcpPort, remote.signalledFrom);
    const meanings = Object.values(parameters.receive);
    // What we offered may come though it was not agreed on.
    const hasEvents = parameters.sendEventPayloadType !== undefined;
    this.#hearing.listenForTones(this.#dtmf === 'both' || (this.#dtmf === 'auto' && !hasEvents));
    for (const codec of meanings) if (isCodec(codec) && isWide(codec)) this.#hearing.widen(codec);
    this.#ticks = meanings.includes('opus') ? (this.#ticks ?? new OpusTicks(parameters.codec)) : undefined;
    this.#hearing.expectMedia(reachable && direction === 'sendrecv');
    this.#player.change(reachable ? sendingOf(parameters) : undefined);
  }

  /** As Line.play; rejects with TonearmError `sendFailed` when nothing could be sent for a second, `lineBusy` while something plays. */
  async play(
    audio: Int16Array,
    options: {
      readonly wide?: Int16Array | undefined;
      readonly bargeIn?: BargeIn | undefined;
      readonly signal: AbortSignal;
    },
  ): Promise<PlayEnd> {
    if (this.#secure !== undefined) await this.#secured(options.signal);
    if (this.#closed || options.signal.aborted) return { by: 'aborted' };
    const broken = new AbortController();
    const signal = AbortSignal.any([options.signal, broken.signal]);
    const sound = { narrow: audio, wide: options.wide };
    const playing = this.#player.play(sound, signal);
    this.#turn.sendAt = 0;
    this.#hearing.playing(sound);
    let brokenBy: PlayEnd | undefined;
    if (options.bargeIn !== undefined) {
      this.#watch = watchForBargeIn(options.bargeIn, this.#hearing.speech, () => this.#hearing.keysUntil);
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
      if (signal.aborted) this.#hearing.cutOff();
    }
  }

  /** As Line.listen; rejects with TonearmError `listening` when somebody does already. */
  listen<T>(
    listener: FrameListener<T>,
    options: { readonly from?: number | undefined; readonly signal: AbortSignal },
  ): Promise<T | undefined> {
    return this.#hearing.listen(listener, options);
  }

  /** As Line.sendKeys; throws TonearmError `noTelephoneEvents` when the caller takes none, `lineBusy` while something plays. */
  async sendKeys(
    keys: readonly Key[],
    options: { durationMs?: number; gapMs?: number; signal: AbortSignal },
  ): Promise<void> {
    if (this.#secure !== undefined) await this.#secured(options.signal);
    if (this.#closed) return;
    const { durationMs = 100, gapMs = 80, signal } = options;
    const pressed = this.#player.keys(keys, durationMs, gapMs, signal);
    this.#turn.sendAt = 0;
    await pressed;
  }

  /** Sends silence in the place of what plays, or no longer. */
  mute(muted: boolean): void {
    this.#player.mute(muted);
    this.#hearing.mute(muted);
  }

  /** As Line.keepBoth. */
  keepBoth(): void {
    this.#hearing.keepBoth();
  }

  /** The caller pressed a key now, as its signalling says: it is heard in the next frame, unless it was, or will be, heard otherwise. */
  takeKey(key: Key, durationMs: number): void {
    if (this.#connected && !this.#closed) this.#hearing.press(key, durationMs);
  }

  /** Tells of every key that is pressed from now on, whoever listens besides. */
  watchKeys(onKey: (key: Key) => void): void {
    this.#onKey = onKey;
  }

  /** Tells of every change in what it hears from now on, whoever listens besides. */
  watchHearing(onHeard: (heard: Heard) => void): void {
    this.#onHeard = onHeard;
  }

  /** Says goodbye by RTCP, ends who listens and what plays, gives the ports back. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    if (this.#connected) this.#sendRtcp(this.#reports.goodbye(this.#clock.monotonic()));
    this.#closed = true;
    this.#secure?.close();
    this.#turn.end();
    this.#hearing.close();
    this.#player.stop();
    this.#pair.close();
    this.#last = { position: this.position, counts: this.counts, report: this.report() };
    this.#memory.free();
    this.#log.debug({ port: this.port, ...this.#last.counts }, 'line closed');
  }

  /** Of its RTP socket. */
  datagram(bytes: Uint8Array, from: number, to: number, address: string, port: number, now: number): void {
    if (!this.#connected || this.#closed) return;
    const secure = this.#secure;
    if (secure !== undefined) {
      const opened = secure.open(bytes, from, to, address, port);
      if (opened === 'rtcp') this.#reports.hear(bytes.subarray(from, secure.end), now);
      if (opened !== 'rtp') return;
    }
    this.#received++;
    const packet = PACKET;
    const fault = readRtp(bytes, packet, from, secure === undefined ? to : secure.end);
    const meaning = fault === undefined ? this.#meanings[packet.payloadType] : undefined;
    const length = packet.payloadEnd - packet.payloadStart;
    const audio = isCodec(meaning);
    if (meaning === undefined || length > (audio ? LONGEST_PACKET : LONGEST_SMALL_PAYLOAD)) {
      this.#invalid++;
      const isTheirs = secure !== undefined || this.#latch.isFrom(address, port);
      if (fault === undefined && isTheirs) this.#hearing.passOver(packet);
      return;
    }
    // SRTP has told already whose it is, wherever it comes from.
    if (secure === undefined && !this.#latch.accept(address, port, packet.ssrc, packet.sequence, now)) {
      this.#strays++;
      return;
    }
    if (!this.#pace.allows(now)) {
      this.#invalid++;
      return;
    }
    const fast = this.#ticks?.count(meaning) ?? false;
    if (fast) packet.timestamp = this.#ticks!.positions(packet.timestamp);
    this.#reception.packet(packet.ssrc, packet.sequence, packet.timestamp, audio, now);
    // Who changes the clock begins another count: for what is heard, another source.
    if (fast) packet.ssrc += FAST;
    if (audio && length > 0) this.#hearing.audio(meaning, bytes, packet, now);
    else if (meaning === 'telephone-event') this.#hearing.event(bytes, packet, now);
    else if (meaning === 'telephone-event/48000') this.#hearing.event(bytes, packet, now, OPUS_TICKS);
    else this.#hearing.silence(packet, now);
  }

  /** A socket that reports an error goes on: what it was about is lost, and counted. */
  failed(): void {
    this.#sendErrors++;
  }

  prefetch(depth: number): number {
    if (depth === 0) return this.#received;
    const more = this.#hearing.prefetch(depth - 1);
    return depth === 1
      ? more +
          this.#latch.prefetch() +
          this.#pace.prefetch() +
          this.#memory.prefetch() +
          this.#reception.prefetch()
      : more;
  }

  readonly #onRtcp: DatagramListener['datagram'] = (bytes, from, to, address, port, now) => {
    if (this.#closed || this.#secure !== undefined || address !== this.#latch.address) return;
    if (this.#reports.hear(bytes.subarray(from, to), now)) this.#latch.acceptRtcp(address, port);
  };

  readonly #onSent = (error: Error | null) => {
    if (this.#closed) return;
    if (error === null) {
      this.#failing = 0;
      return;
    }
    this.#sendErrors++;
    this.#failing += this.#packetTimeMs;
    if (this.#failing < FAILING_MS) return;
    this.#failing = 0;
    const to = `${this.#latch.address}:${this.#latch.port}`;
    this.#player.fail(
      new TonearmError('sendFailed', `nothing can be sent to ${to}: ${error.message}`, { cause: error }),
    );
  };

  /** Of its hearing: each frame as it is made. */
  hear(frame: Readonly<Frame>): void {
    if (frame.tone !== undefined) {
      this.#onKey?.(frame.tone);
      this.#onHeard?.({ what: 'key', key: frame.tone });
    }
    if (frame.speech !== this.#spoke) {
      this.#spoke = frame.speech;
      this.#onHeard?.({ what: frame.speech ? 'speech' : 'silence' });
    }
    const end = this.#watch?.(frame);
    if (end === undefined) return;
    this.#watch = undefined;
    this.#brokeIn?.(end);
  }

  #send(now: number): void {
    const again = this.#player.send(now);
    this.#turn.sendAt = again;
    if (!this.#connected) return;
    const report = this.#reports.due(now);
    if (report !== undefined) this.#sendRtcp(report);
    this.#turn.sendAt = Math.min(again, this.#reports.dueAt);
  }

  #fill(now: number): void {
    if (this.#connected) this.#turn.fillAt = this.#hearing.fill(now);
  }

  #transmit(bytes: Uint8Array): void {
    // Nobody knows yet where to: time passes all the same.
    if (this.#latch.port === 0) return;
    const packet = this.#secure === undefined ? bytes : this.#secure.protect(bytes, 'rtp');
    if (packet === undefined) return;
    this.#pair.rtp.send(packet, this.#latch.port, this.#latch.address, this.#onSent);
  }

  #sendRtcp(bytes: Buffer): void {
    const { address, port, rtcpPort } = this.#latch;
    if (port === 0 || !isPort(rtcpPort)) return;
    if (this.#secure === undefined) return this.#pair.rtcp.send(bytes, rtcpPort, address, this.#onReported);
    const packet = this.#secure.protect(bytes, 'rtcp');
    if (packet !== undefined) this.#pair.rtp.send(packet, port, address, this.#onReported);
  }

  readonly #onReported = (error: Error | null) => {
    if (error !== null) this.#sendErrors++;
  };

  #openSecure(identity: DtlsIdentity, onLost: RtpLineOptions['onLost'] = () => {}): SecureTransport {
    const { rtp } = this.#pair;
    return new SecureTransport({
      identity,
      clock: this.#clock,
      onLost,
      sendsAtOnce: rtp.sendsAtOnce,
      send: (bytes, port, address) => rtp.send(bytes, port, address, this.#onReported),
      onSelected: (address, port) => {
        this.#latch.given(address, port, port);
        this.#turn.sendAt = 0;
      },
    });
  }

  /** Waits until the far end can hear: what plays meanwhile would be lost to it. */
  async #secured(signal: AbortSignal): Promise<void> {
    const secure = this.#secure;
    if (secure === undefined || secure.isReady || signal.aborted) return;
    const waited = new AbortController();
    const over = AbortSignal.any([signal, waited.signal]);
    await Promise.race([secure.ready, pause(this.#clock, SECURING_MS, over)]);
    waited.abort();
  }
}

/** Of all lines whose sockets are done with a packet at once. */
const ONE_PACKET = [Buffer.alloc(PACKET_BYTES)];
/** A packet that the kernel could not take at once is still read from its buffer; the next ones go into others. */
const somePackets = () => Array.from({ length: 4 }, () => Buffer.alloc(PACKET_BYTES));

function isPort(port: number): boolean {
  return Number.isInteger(port) && port > 0 && port < 65536;
}
