/**
 * The timeline of what a caller sends: RTP timestamps become positions, and it is decided when what is missing is given up.
 * Pure: times are passed in. Nothing is allocated per packet.
 *
 * The rules:
 * 1. `due` is how far the timeline is settled. It grows as soon as samples are complete in order, whatever the packet time.
 * 2. What is missing is waited for until 80 ms beyond it are in (four packets of 20 ms; two of 60 ms, more than the window,
 *    lest two swapped packets count as a loss). Then it counts as lost, for its full time. What has been settled is never
 *    changed: a duplicate, or a packet that comes later still, is dropped.
 * 3. When nothing arrives, `fill` keeps `due` no more than LAG behind the clock, so that a stall shorter than LAG loses nothing.
 * 4. The clock is the sender's: its offset to ours follows the earliest arrivals upward at once, downward by at most 0.1 %. Upward
 *    it may run ahead of where it began by 1 s (a first packet that was held up) and 0.1 %, never more.
 * 5. After a pause (silence suppression; with comfort noise packets or without) the next packet's timestamp says how long it was. When
 *    its sequence number shows that nothing was lost, the rest of the pause is settled at once.
 * 6. A timestamp that does not fit the clock makes the packet a new beginning, at the position that the clock expects and never before what is
 *    settled: one second of call stays one second of timeline, whatever a sender does. Such are: another SSRC; more than 1 s ahead of what
 *    the clock allows; newer by sequence number but behind what is settled, by more than the window and with the marker bit, or for longer
 *    than 200 ms. A beginning that would run ahead of the clock is dropped.
 */
import { Coverage } from './coverage.ts';
import { FRAME_SAMPLES, LINE_RATE } from './line.ts';
import { LineMemory } from './line-memory.ts';

const SAMPLES_PER_MS = LINE_RATE / 1000;
/** How far behind the clock a silent timeline is kept, in samples: 300 ms. */
export const LAG = 300 * SAMPLES_PER_MS;
/** So much must be in beyond what is missing before it counts as lost: 80 ms. */
const REORDER_WINDOW = 80 * SAMPLES_PER_MS;
/** The furthest that anything may lie beyond what is settled: 400 ms, more than LAG. More is taken as a pause. */
const FURTHEST_AHEAD = 400 * SAMPLES_PER_MS;
/** The longest audio in one packet: 200 ms, more than an Ethernet frame holds. */
export const LONGEST_PACKET = 200 * SAMPLES_PER_MS;
const AHEAD_OF_CLOCK = 1000 * SAMPLES_PER_MS;
const AHEAD_AT_BEGINNING = 100 * SAMPLES_PER_MS;
const AHEAD_BY_EVENT = 40 * SAMPLES_PER_MS;
/** The clocks of sender and receiver may differ by one sample in so many. */
const DRIFT = 1024;
/** How long packets may be strange before they are taken as a new beginning. */
const PROBATION_MS = 200;
/** RFC 3550 A.1: sequence numbers that are older by less are late, newer by less are loss; others are a restart. */
const MISORDER = 128;
const DROPOUT = 3000;
/** A key can be held for 8 s before its event must start a new segment (RFC 4733 §2.5.1.3). */
const OLDEST_EVENT = 0xffff + LAG;

// Its numbers in the line's memory. The clock: `offset` samples at `zero` ms; `base` is the offset that it began with. The sender: its newest packet ties
// timestamps to positions.
const DUE = 0;
const SKIP = 1;
const ZERO = 2;
const OFFSET = 3;
const BASE = 4;
const DRIFTED = 5;
const KNOWN = 6;
const SOURCE = 7;
const HIGHEST = 8;
const TIED_TIMESTAMP = 9;
const TIED_POSITION = 10;
const STRANGE_SINCE = 11;
const EVENT_START = 12;
const EVENT_END = 13;
const LOSS_END = 14;
const NUMBERS = 15;

export class Timeline {
  readonly #coverage: Coverage;
  readonly #n: Float64Array;
  readonly #at: number;

  constructor(memory = new LineMemory()) {
    this.#coverage = new Coverage(memory);
    this.#n = memory.numbers;
    this.#at = memory.take(NUMBERS);
    this.strangeSince = -1;
  }

  prefetch(depth: number): number {
    return depth === 0 ? this.#at : this.#coverage.prefetch();
  }

  /** What has arrived. */
  get coverage(): Coverage {
    return this.#coverage;
  }

  /** Position of what a packet of the caller's with this timestamp begins with. */
  placeOf(timestamp: number): number {
    return this.#positionOf(timestamp);
  }

  /** Where the clock says that the sender is. */
  expected(now: number): number {
    return this.#expected(now);
  }

  /** What is missing before this position, and was settled last, was lost: packets after it are in. Other gaps are silence, as far as one knows. */
  get lossEnd(): number {
    return this.#n[this.#at + LOSS_END]!;
  }
  private set lossEnd(value: number) {
    this.#n[this.#at + LOSS_END] = value;
  }

  /** Time begins: from now on it passes, packets or not. */
  open(now: number): void {
    this.zero = now;
  }

  /** Places a packet of audio; returns the position of its first sample that is wanted (after `skip`), −1 to drop it. */
  audio(
    ssrc: number,
    sequence: number,
    timestamp: number,
    marker: boolean,
    samples: number,
    now: number,
  ): number {
    if (!this.known || ssrc !== this.source) return this.#begin(ssrc, sequence, timestamp, samples, now);
    const newer = this.#newerBy(sequence);
    const late = newer <= 0 && newer > -MISORDER;
    const start = this.#positionOf(timestamp);
    const end = start + samples;
    if (end > this.#limit(now)) {
      if ((newer > 0 && newer < DROPOUT) || this.#strange(now))
        return this.#begin(ssrc, sequence, timestamp, samples, now);
      return -1;
    }
    if (end <= this.due) {
      const underEvent = start >= this.eventStart && start < this.eventEnd;
      if (late || underEvent) return -1;
      const paused = marker && this.due - end > REORDER_WINDOW;
      if (paused || this.#strange(now)) return this.#begin(ssrc, sequence, timestamp, samples, now);
      return -1;
    }
    this.skip = Math.max(0, this.due - start);
    if (this.skip === 0 || late) this.strangeSince = -1;
    else if (this.#strange(now)) return this.#begin(ssrc, sequence, timestamp, samples, now);
    const unbroken = newer === 1 && this.#coverage.furthest <= this.due;
    if (!this.#coverage.add(start + this.skip, end)) return -1;
    if (!late) {
      this.highest = sequence;
      this.tiedTimestamp = timestamp;
      this.tiedPosition = start;
    }
    this.#settle(end, unbroken);
    this.#followClock(end, now);
    return start + this.skip;
  }

  /** Takes note of a packet that says "silence from here on" (RFC 3389). */
  silence(ssrc: number, sequence: number, timestamp: number, now: number): void {
    if (!this.known || ssrc !== this.source) {
      this.#begin(ssrc, sequence, timestamp, 0, now);
      return;
    }
    const newer = this.#newerBy(sequence);
    if (newer <= 0 || newer >= DROPOUT) return;
    this.highest = sequence;
    const start = this.#positionOf(timestamp);
    if (newer === 1 && this.#coverage.furthest <= this.due && start > this.due && start <= this.#limit(now))
      this.due = start;
  }

  /** Takes note of a packet that says nothing, not even when it was sent. Only of the very next one: the others may say anything. */
  passOver(ssrc: number, sequence: number): void {
    if (this.known && ssrc === this.source && this.#newerBy(sequence) === 1) this.highest = sequence;
  }

  /** Takes the time of a telephone event as arrived; returns the position where it began, −1 when its timestamp fits nothing. */
  event(ssrc: number, sequence: number, timestamp: number, duration: number, now: number): number {
    const other = !this.known || ssrc !== this.source;
    if (other && !this.#beginWithin(ssrc, sequence, timestamp, duration, now)) return -1;
    const newer = this.#newerBy(sequence);
    if (newer > 0 && newer < DROPOUT) this.highest = sequence;
    const start = this.#positionOf(timestamp);
    // A key that is pressed has been pressed: what says that it will be is not believed.
    if (start > this.#expected(now) + AHEAD_AT_BEGINNING || start < this.due - OLDEST_EVENT) return -1;
    // A sender's word for how long a key was pressed is taken only as far as that time has passed.
    const end = Math.min(start + duration, this.#expected(now) + AHEAD_BY_EVENT);
    this.eventStart = start;
    this.eventEnd = end;
    if (end <= this.due) return Math.max(0, start);
    const unbroken = newer === 1 && this.#coverage.furthest <= this.due;
    if (this.#coverage.add(Math.max(start, this.due), end)) this.#settle(end, unbroken);
    return Math.max(0, start);
  }

  /** Settles what has not arrived by now; returns the earliest time at which there can be more to settle. */
  fill(now: number): number {
    const target = Math.floor((this.#expected(now) - LAG) / FRAME_SAMPLES) * FRAME_SAMPLES;
    if (target > this.due) {
      // What is waited for although more has come after it was lost.
      if (this.#coverage.next(this.due) !== Infinity) this.lossEnd = target;
      this.#settle(target, true);
    }
    return now + (this.due + FRAME_SAMPLES + LAG - this.#expected(now)) / SAMPLES_PER_MS;
  }

  #elapsed(now: number) {
    return Math.round((now - this.zero) * SAMPLES_PER_MS);
  }

  #expected(now: number) {
    return this.#elapsed(now) + this.offset;
  }

  #limit(now: number) {
    return Math.floor(this.#elapsed(now) * (1 + 1 / DRIFT)) + this.base + AHEAD_OF_CLOCK;
  }

  #positionOf(timestamp: number) {
    return this.tiedPosition + ((timestamp - this.tiedTimestamp) | 0);
  }

  #newerBy(sequence: number) {
    return ((sequence - this.highest) << 16) >> 16;
  }

  #strange(now: number) {
    if (this.strangeSince < 0) this.strangeSince = now;
    return now - this.strangeSince > PROBATION_MS;
  }

  #followClock(end: number, now: number) {
    const ahead = end - this.#expected(now);
    if (ahead > 0) this.offset += ahead;
    else if (this.#elapsed(now) - this.drifted >= DRIFT) {
      this.drifted = this.#elapsed(now);
      if (ahead < 0) this.offset--;
    }
  }

  /** Settles what can be, now that `[…, end)` is in. `unbroken`: nothing was lost before it. */
  #settle(end: number, unbroken: boolean) {
    this.due = this.#coverage.reach(unbroken ? Math.max(this.due, end) : this.due);
    for (;;) {
      const next = this.#coverage.next(this.due);
      const furthest = this.#coverage.furthest;
      if (next === Infinity || (furthest - next < REORDER_WINDOW && furthest - this.due <= FURTHEST_AHEAD))
        return;
      this.due = this.#coverage.reach(next);
      this.lossEnd = next;
    }
  }

  /** A source of which an event is heard first: what it has lasted is over, whatever of that is settled. */
  #beginWithin(ssrc: number, sequence: number, timestamp: number, duration: number, now: number) {
    const first = !this.known && this.due === 0;
    const open = this.#expected(now) - Math.max(this.due, this.#coverage.furthest);
    const samples = Math.min(duration, first ? LONGEST_PACKET : Math.max(0, Math.floor(open)));
    return this.#begin(ssrc, sequence, (timestamp + duration - samples) >>> 0, samples, now) >= 0;
  }

  #begin(ssrc: number, sequence: number, timestamp: number, samples: number, now: number) {
    if (!this.known && this.due === 0) {
      this.zero = now;
      this.offset = this.base = samples;
      this.drifted = 0;
    }
    const start = Math.max(this.due, this.#coverage.furthest, this.#expected(now) - samples);
    if (start + samples > Math.min(this.#expected(now) + AHEAD_AT_BEGINNING, this.#limit(now))) return -1;
    this.known = true;
    this.source = ssrc;
    this.highest = sequence;
    this.tiedTimestamp = timestamp;
    this.tiedPosition = start;
    this.strangeSince = -1;
    this.eventStart = this.eventEnd = 0;
    this.skip = 0;
    if (samples > 0) this.#coverage.add(start, start + samples);
    this.due = start + samples;
    return start;
  }

  /** Everything before it is settled: arrived, or given up. */
  get due(): number {
    return this.#n[this.#at + DUE]!;
  }
  private set due(value: number) {
    this.#n[this.#at + DUE] = value;
  }
  /** After `audio`: samples at the packet's front to leave out, as that time is settled. */
  get skip(): number {
    return this.#n[this.#at + SKIP]!;
  }
  private set skip(value: number) {
    this.#n[this.#at + SKIP] = value;
  }
  private get zero(): number {
    return this.#n[this.#at + ZERO]!;
  }
  private set zero(value: number) {
    this.#n[this.#at + ZERO] = value;
  }
  private get offset(): number {
    return this.#n[this.#at + OFFSET]!;
  }
  private set offset(value: number) {
    this.#n[this.#at + OFFSET] = value;
  }
  private get base(): number {
    return this.#n[this.#at + BASE]!;
  }
  private set base(value: number) {
    this.#n[this.#at + BASE] = value;
  }
  private get drifted(): number {
    return this.#n[this.#at + DRIFTED]!;
  }
  private set drifted(value: number) {
    this.#n[this.#at + DRIFTED] = value;
  }
  private get known(): boolean {
    return this.#n[this.#at + KNOWN] !== 0;
  }
  private set known(value: boolean) {
    this.#n[this.#at + KNOWN] = value ? 1 : 0;
  }
  private get source(): number {
    return this.#n[this.#at + SOURCE]!;
  }
  private set source(value: number) {
    this.#n[this.#at + SOURCE] = value;
  }
  private get highest(): number {
    return this.#n[this.#at + HIGHEST]!;
  }
  private set highest(value: number) {
    this.#n[this.#at + HIGHEST] = value;
  }
  private get tiedTimestamp(): number {
    return this.#n[this.#at + TIED_TIMESTAMP]!;
  }
  private set tiedTimestamp(value: number) {
    this.#n[this.#at + TIED_TIMESTAMP] = value;
  }
  private get tiedPosition(): number {
    return this.#n[this.#at + TIED_POSITION]!;
  }
  private set tiedPosition(value: number) {
    this.#n[this.#at + TIED_POSITION] = value;
  }
  private get strangeSince(): number {
    return this.#n[this.#at + STRANGE_SINCE]!;
  }
  private set strangeSince(value: number) {
    this.#n[this.#at + STRANGE_SINCE] = value;
  }
  private get eventStart(): number {
    return this.#n[this.#at + EVENT_START]!;
  }
  private set eventStart(value: number) {
    this.#n[this.#at + EVENT_START] = value;
  }
  private get eventEnd(): number {
    return this.#n[this.#at + EVENT_END]!;
  }
  private set eventEnd(value: number) {
    this.#n[this.#at + EVENT_END] = value;
  }
}
