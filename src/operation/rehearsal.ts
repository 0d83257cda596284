/**
 * The call that a media worker has with itself before its first: without a network, a disk or a clock, but with all that seldom happens in one.
 *
 * V8 makes machine code for what it has seen happen, and throws a function's away when something else does. With two thousand calls up, the first
 * key that anybody pressed and the first packet that was lost made all of them late by up to a quarter of a second.
 */
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import { silentLog } from '../log.ts';
import { beep } from '../media/beep.ts';
import { FRAME_SAMPLES } from '../media/line.ts';
import { RtpLine } from '../media/rtp-line.ts';
import type { RtpSocket } from '../media/rtp-sockets.ts';
import type { AudioParameters } from '../media/session-description.ts';
import { TICK_MS, type Ticked } from '../media/tick.ts';
import { createSpool } from '../recording/spool.ts';
import { encodeG711, SILENCE } from '../wire/g711.ts';
import { RTP_HEADER_BYTES, writeRtpHeader } from '../wire/rtp.ts';
import { TELEPHONE_EVENT_BYTES, writeTelephoneEvent } from '../wire/telephone-event.ts';
import type { OperationEnd, RecordSpec } from './operation.ts';
import { createQueue } from './queue.ts';

const CALLER = { address: '192.0.2.1', port: 4000 };
const COMFORT_NOISE = 13;
const EVENTS = 101;
const AGREED: AudioParameters = {
  remote: { ...CALLER, rtcpPort: 4001 },
  codec: 'PCMU',
  sendPayloadType: 0,
  receive: { 0: 'PCMU', 8: 'PCMA', [COMFORT_NOISE]: 'CN', [EVENTS]: 'telephone-event' },
  sendEventPayloadType: EVENTS,
  sendEventClock: 8000,
  packetTimeMs: 20,
  direction: 'sendrecv',
};
const USUAL: RecordSpec = {
  kind: 'record',
  prompts: [],
  bargeIn: true,
  sensitivity: 'normal',
  beep: true,
  initialSilenceMs: 5000,
  maxSilenceMs: 500,
  maxDurationMs: 60_000,
  stopTones: [['#'], ['1', '2']],
  interKeyMs: 200,
  noMediaMs: 500,
  take: { recordingId: '', folder: '', callId: '', operationId: '', streamed: false, channels: 1 },
};
/** A prompt, and what speech sounds like to the end-pointer: a tone that swells four times a second. */
const VOICE = Int16Array.from(
  { length: 8000 },
  (_, at) => 8000 * Math.sin(at / 2) * Math.sin((Math.PI * at) / 2000) ** 2,
);

/** What the caller does in a tick. `swap`: the next packet comes before this one. */
type Doing = 'speak' | 'hush' | 'lose' | 'swap' | 'repeat' | 'comfort' | '1' | '#' | 'nothing';

interface Scene {
  readonly record: Partial<RecordSpec>;
  /** In the tick of that number, of 20 ms. */
  does(tick: number): Doing;
  readonly becomes: Became;
}

/** `brokenInto`: the prompt or the beep. */
interface Became {
  readonly brokenInto: boolean;
  readonly endsBy: OperationEnd['by'];
}

const troubled = (tick: number): Doing =>
  (({ 60: 'lose', 65: 'swap', 70: 'repeat', 72: 'comfort', 80: '1' }) as const)[tick] ?? 'speak';

const SCENES: readonly Scene[] = [
  {
    record: {},
    does: (tick) => (tick < 110 ? troubled(tick) : '#'),
    becomes: { brokenInto: true, endsBy: 'stopTone' },
  },
  {
    record: { prompts: [{ audio: 0, times: 1 }] },
    does: (tick) => (tick < 10 ? 'hush' : tick < 70 ? 'speak' : 'hush'),
    becomes: { brokenInto: true, endsBy: 'maxSilence' },
  },
  {
    record: { maxSilenceMs: 5000 },
    does: (tick) => (tick < 60 ? 'speak' : 'nothing'),
    becomes: { brokenInto: true, endsBy: 'noMedia' },
  },
  {
    record: { maxDurationMs: 500, beep: false },
    does: () => 'speak',
    becomes: { brokenInto: false, endsBy: 'maxDuration' },
  },
];

/** Has the call. Resolves with what became of each of its scenes, in the order of `expected`. */
export async function rehearse(): Promise<readonly Became[]> {
  let now = 0;
  const clock: Clock = { now: () => now, monotonic: () => now, after: () => ({ cancel() {} }) };
  const turn = { sendAt: 0, fillAt: 0, end() {} };
  let ticked: Ticked | undefined;
  const tick = {
    add(line: Ticked) {
      ticked = line;
      return turn;
    },
  };
  const pair = { port: CALLER.port, rtp: nowhere(), rtcp: nowhere(), close() {} };
  const line = new RtpLine(pair, { clock, log: silentLog, tick });
  line.connect(AGREED);
  const spool = createSpool({
    postMessage(message) {
      if (message.type !== 'seal') return;
      const { take, length } = message;
      queueMicrotask(() => spool.take({ type: 'sealed', take, samples: length, failure: undefined }));
    },
  });
  const queue = createQueue(line, {
    beep: beep(),
    openTake: (spec, onGrown) => spool.openTake(spec, line.ring(spec.channels), onGrown),
  });
  const caller = new Caller((bytes) =>
    line.datagram(bytes, 0, bytes.length, CALLER.address, CALLER.port, now),
  );

  const scenes: Became[] = [];
  for (const { record, does } of SCENES) {
    let over = false;
    let brokenInto = false;
    const prompt = Promise.resolve({ ok: true, samples: VOICE } as const);
    const run = queue.run({ ...USUAL, ...record }, [prompt], ({ phase }) => {
      brokenInto ||= phase === 'bargeIn';
    });
    void run.ended.then(({ by }) => {
      over = true;
      scenes.push({ brokenInto, endsBy: by });
    });
    for (let number = 0; !over && number < MOST_TICKS; number++) {
      now += TICK_MS;
      if (turn.sendAt <= now) ticked?.send(now);
      caller.does(does(number));
      if (turn.fillAt <= now) ticked?.fill(now);
      await setImmediate();
    }
  }
  await queue.close('hangUp');
  await line.close();
  return scenes;
}

/** As `rehearse` is to resolve. */
export const expected: readonly Became[] = SCENES.map(({ becomes }) => becomes);

/** A scene that does not end as it should is over at last. */
const MOST_TICKS = 500;

function nowhere(): RtpSocket {
  return {
    port: CALLER.port,
    sendsAtOnce: true,
    listen() {},
    send: (_bytes, _port, _address, onSent) => onSent(null),
    close() {},
  };
}

/** Its packets, one a tick. */
class Caller {
  readonly #send: (bytes: Uint8Array) => void;
  readonly #packet = new Uint8Array(RTP_HEADER_BYTES + FRAME_SAMPLES);
  readonly #event = new Uint8Array(RTP_HEADER_BYTES + TELEPHONE_EVENT_BYTES);
  #sequence = 1;
  #timestamp = 0;
  /** Where in the voice it is. */
  #at = 0;
  /** Ticks that it has pressed the key for. */
  #pressed = 0;

  constructor(send: (bytes: Uint8Array) => void) {
    this.#send = send;
  }

  does(doing: Doing): void {
    if (doing === '1' || doing === '#') this.#press(doing);
    else {
      this.#pressed = 0;
      if (doing === 'swap') this.#audio('speak', 1);
      if (doing === 'comfort') this.#header(this.#packet, COMFORT_NOISE);
      else if (doing !== 'nothing' && doing !== 'lose') this.#audio(doing === 'hush' ? 'hush' : 'speak', 0);
      if (doing === 'comfort') this.#send(this.#packet.subarray(0, RTP_HEADER_BYTES + 1));
      if (doing === 'repeat') this.#send(this.#packet);
    }
    this.#sequence = (this.#sequence + (doing === 'nothing' ? 0 : 1)) & 0xffff;
    this.#timestamp += FRAME_SAMPLES;
  }

  /** `ahead`: of the packet whose turn it is. */
  #audio(what: 'speak' | 'hush', ahead: 0 | 1): void {
    this.#header(this.#packet, 0, ahead);
    if (what === 'hush') this.#packet.fill(SILENCE.PCMU, RTP_HEADER_BYTES);
    else encodeG711('PCMU', VOICE, this.#at, this.#at + FRAME_SAMPLES, this.#packet, RTP_HEADER_BYTES);
    this.#at = (this.#at + FRAME_SAMPLES) % VOICE.length;
    this.#send(this.#packet);
  }

  #press(key: '1' | '#'): void {
    this.#pressed++;
    const duration = this.#pressed * FRAME_SAMPLES;
    this.#header(this.#event, EVENTS, 0, (this.#pressed - 1) * FRAME_SAMPLES);
    const event = key === '1' ? 1 : 11;
    writeTelephoneEvent(this.#event, RTP_HEADER_BYTES, {
      event,
      end: this.#pressed > 4,
      volume: 10,
      duration,
    });
    this.#send(this.#event);
  }

  #header(packet: Uint8Array, payloadType: number, ahead = 0, since = 0): void {
    const timestamp = (this.#timestamp + ahead * FRAME_SAMPLES - since) >>> 0;
    writeRtpHeader(
      packet,
      payloadType,
      since === 0 && payloadType === EVENTS,
      this.#sequence + ahead,
      timestamp,
      7,
    );
  }
}
