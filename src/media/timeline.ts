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
import { type Coverage, createCoverage } from './coverage.ts';
import { FRAME_SAMPLES, LINE_RATE } from './line.ts';

const SAMPLES_PER_MS = LINE_RATE / 1000;
/** How far behind the clock a silent timeline is kept, in samples: 300 ms. */
export const LAG = 300 * SAMPLES_PER_MS;
/** So much must be in beyond what is missing before it counts as lost: 80 ms. */
const REORDER_WINDOW = 80 * SAMPLES_PER_MS;
/** The furthest that anything may lie beyond what is settled: 640 ms. More is taken as a pause. */
const FURTHEST_AHEAD = 640 * SAMPLES_PER_MS;
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

export interface Timeline {
  /** Everything before it is settled: arrived, or given up. */
  readonly due: number;
  /** What has arrived. */
  readonly coverage: Coverage;
  /** After `audio`: samples at the packet's front to leave out, as that time is settled. */
  readonly skip: number;
  /** Time begins: from now on it passes, packets or not. */
  open(now: number): void;
  /** Where the clock says that the sender is. */
  expected(now: number): number;
  /** Places a packet of audio; returns the position of its first sample that is wanted (after `skip`), −1 to drop it. */
  audio(
    ssrc: number,
    sequence: number,
    timestamp: number,
    marker: boolean,
    samples: number,
    now: number,
  ): number;
  /** Takes note of a packet that says "silence from here on" (RFC 3389). */
  silence(ssrc: number, sequence: number, timestamp: number, now: number): void;
  /** Takes the time of a telephone event as arrived; returns the position where it began, −1 when its timestamp fits nothing. */
  event(ssrc: number, sequence: number, timestamp: number, duration: number, now: number): number;
  /** Settles what has not arrived by now; returns the earliest time at which there can be more to settle. */
  fill(now: number): number;
}

export function createTimeline(): Timeline {
  const coverage = createCoverage();
  let due = 0;
  let skip = 0;
  // The clock: `offset` samples at `zero` ms; `base` is the offset that it began with.
  let zero = 0;
  let offset = 0;
  let base = 0;
  let drifted = 0;
  // The sender: its newest packet ties timestamps to positions.
  let known = false;
  let source = 0;
  let highest = 0;
  let tiedTimestamp = 0;
  let tiedPosition = 0;
  let strangeSince = -1;
  let eventStart = 0;
  let eventEnd = 0;

  const elapsed = (now: number) => Math.round((now - zero) * SAMPLES_PER_MS);
  const expected = (now: number) => elapsed(now) + offset;
  const limit = (now: number) => Math.floor(elapsed(now) * (1 + 1 / DRIFT)) + base + AHEAD_OF_CLOCK;
  const positionOf = (timestamp: number) => tiedPosition + ((timestamp - tiedTimestamp) | 0);
  const newerBy = (sequence: number) => ((sequence - highest) << 16) >> 16;

  const strange = (now: number) => {
    if (strangeSince < 0) strangeSince = now;
    return now - strangeSince > PROBATION_MS;
  };

  const followClock = (end: number, now: number) => {
    const ahead = end - expected(now);
    if (ahead > 0) offset += ahead;
    else if (elapsed(now) - drifted >= DRIFT) {
      drifted = elapsed(now);
      if (ahead < 0) offset--;
    }
  };

  /** Settles what can be, now that `[…, end)` is in. `unbroken`: nothing was lost before it. */
  const settle = (end: number, unbroken: boolean) => {
    due = coverage.reach(unbroken ? Math.max(due, end) : due);
    for (;;) {
      const next = coverage.next(due);
      const furthest = coverage.furthest;
      if (next === Infinity || (furthest - next < REORDER_WINDOW && furthest - due <= FURTHEST_AHEAD)) return;
      due = coverage.reach(next);
    }
  };

  const begin = (ssrc: number, sequence: number, timestamp: number, samples: number, now: number) => {
    if (!known && due === 0) {
      zero = now;
      offset = base = samples;
      drifted = 0;
    }
    const start = Math.max(due, coverage.furthest, expected(now) - samples);
    if (start + samples > Math.min(expected(now) + AHEAD_AT_BEGINNING, limit(now))) return -1;
    known = true;
    source = ssrc;
    highest = sequence;
    tiedTimestamp = timestamp;
    tiedPosition = start;
    strangeSince = -1;
    eventStart = eventEnd = 0;
    skip = 0;
    if (samples > 0) coverage.add(start, start + samples);
    due = start + samples;
    return start;
  };

  return {
    coverage,
    expected,
    get due() {
      return due;
    },
    get skip() {
      return skip;
    },
    open(now) {
      zero = now;
    },
    audio(ssrc, sequence, timestamp, marker, samples, now) {
      if (!known || ssrc !== source) return begin(ssrc, sequence, timestamp, samples, now);
      const newer = newerBy(sequence);
      const late = newer <= 0 && newer > -MISORDER;
      const start = positionOf(timestamp);
      const end = start + samples;
      if (end > limit(now)) {
        if ((newer > 0 && newer < DROPOUT) || strange(now))
          return begin(ssrc, sequence, timestamp, samples, now);
        return -1;
      }
      if (end <= due) {
        const underEvent = start >= eventStart && start < eventEnd;
        if (late || underEvent) return -1;
        const paused = marker && due - end > REORDER_WINDOW;
        if (paused || strange(now)) return begin(ssrc, sequence, timestamp, samples, now);
        return -1;
      }
      skip = Math.max(0, due - start);
      if (skip === 0 || late) strangeSince = -1;
      else if (strange(now)) return begin(ssrc, sequence, timestamp, samples, now);
      const unbroken = newer === 1 && coverage.furthest <= due;
      if (!coverage.add(start + skip, end)) return -1;
      if (!late) {
        highest = sequence;
        tiedTimestamp = timestamp;
        tiedPosition = start;
      }
      settle(end, unbroken);
      followClock(end, now);
      return start + skip;
    },
    silence(ssrc, sequence, timestamp, now) {
      if (!known || ssrc !== source) {
        begin(ssrc, sequence, timestamp, 0, now);
        return;
      }
      const newer = newerBy(sequence);
      if (newer <= 0 || newer >= DROPOUT) return;
      highest = sequence;
      const start = positionOf(timestamp);
      if (newer === 1 && coverage.furthest <= due && start > due && start <= limit(now)) due = start;
    },
    event(ssrc, sequence, timestamp, duration, now) {
      if ((!known || ssrc !== source) && begin(ssrc, sequence, timestamp, 0, now) < 0) return -1;
      const newer = newerBy(sequence);
      if (newer > 0 && newer < DROPOUT) highest = sequence;
      const start = positionOf(timestamp);
      if (start > limit(now) || start < 0 || start < due - OLDEST_EVENT) return -1;
      // A sender's word for how long a key was pressed is taken only as far as that time has passed.
      const end = Math.min(start + duration, expected(now) + AHEAD_BY_EVENT);
      eventStart = start;
      eventEnd = end;
      if (end <= due) return start;
      const unbroken = newer === 1 && coverage.furthest <= due;
      if (coverage.add(Math.max(start, due), end)) settle(end, unbroken);
      return start;
    },
    fill(now) {
      const target = Math.floor((expected(now) - LAG) / FRAME_SAMPLES) * FRAME_SAMPLES;
      if (target > due) settle(target, true);
      return now + (due + FRAME_SAMPLES + LAG - expected(now)) / SAMPLES_PER_MS;
    },
  };
}
