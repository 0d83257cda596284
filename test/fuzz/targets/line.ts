/**
 * A whole line: what comes on its two ports, from the caller and from strangers. An input is packets one after the other:
 *
 *   from (1 byte: which address; + 16: on the RTCP port) | length (2 bytes) | bytes
 */
import assert from 'node:assert/strict';
import { silentLog } from '../../../src/log.ts';
import { FRAME_SAMPLES } from '../../../src/media/line.ts';
import { loadOpus } from '../../../src/media/opus-codec.ts';
import type { PortPair } from '../../../src/media/ports.ts';
import { RtpLine } from '../../../src/media/rtp-line.ts';
import type { DatagramListener, RtpSocket } from '../../../src/media/rtp-sockets.ts';
import type { AudioParameters } from '../../../src/media/session-description.ts';
import { writeRtpHeader } from '../../../src/wire/rtp.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { mutated } from '../mutations.ts';
import type { Random } from '../random.ts';
import type { Target } from '../target.ts';
import { rtcpPacket, rtpPacket } from './media-packets.ts';

const ADDRESSES = ['192.0.2.9', '192.0.2.9', '198.51.100.7', '203.0.113.5'];
const RTCP = 16;

const AUDIO: AudioParameters = {
  remote: { address: '192.0.2.9', port: 4000, rtcpPort: 4001 },
  codec: 'opus',
  sendPayloadType: 111,
  receive: { 0: 'PCMU', 8: 'PCMA', 9: 'G722', 13: 'CN', 101: 'telephone-event', 111: 'opus' },
  sendEventPayloadType: 101,
  sendEventClock: 8000,
  packetTimeMs: 20,
  direction: 'sendrecv',
};

export const line: Target = {
  name: 'line',
  about: 'RTP and RTCP as a line hears them: no throw, one frame a tick whatever comes, nothing left behind',
  patienceMs: 500,
  make(random) {
    const packets: Buffer[] = [];
    const stream = speaker(random);
    for (let left = 1 + random.length(40); left > 0; left--) {
      const isRtcp = random.oneIn(6);
      const packet = isRtcp ? rtcpPacket(random) : random.oneIn(4) ? rtpPacket(random) : stream();
      const bytes = random.oneIn(3) ? mutated(packet, random, [packet], 3).subarray(0, 2000) : packet;
      const head = Buffer.alloc(3);
      head[0] = (random.oneIn(4) ? random.int(ADDRESSES.length) : 0) + (isRtcp ? RTCP : 0);
      head.writeUInt16BE(bytes.length, 1);
      packets.push(head, bytes);
    }
    return Buffer.concat(packets);
  },
  async check(input) {
    await loadOpus();
    const clock = new VirtualClock();
    const pair = new ScriptedPair();
    const line = new RtpLine(pair, { clock, log: silentLog });
    const positions: number[] = [];
    line.connect(AUDIO);
    const stop = new AbortController();
    const listening = line.listen(
      { hear: ({ position }) => void positions.push(position) },
      { signal: stop.signal },
    );
    let received = 0;
    for (let at = 0; at + 3 <= input.length; ) {
      const from = input[at]!;
      const length = input.readUInt16BE(at + 1);
      const bytes = input.subarray(at + 3, at + 3 + length);
      at += 3 + length;
      const index = from % ADDRESSES.length;
      if ((from & RTCP) === 0) received++;
      pair.hear((from & RTCP) !== 0, bytes, ADDRESSES[index]!, 4000 + 2 * index, clock.monotonic());
      await clock.advance(20);
    }
    await clock.advance(1000);
    assert.equal(line.counts.received, received);
    positions.forEach((position, index) => {
      assert.equal(position, positions[0]! + index * FRAME_SAMPLES, 'each frame follows the one before');
    });
    assert.ok(positions.length >= 30, `${positions.length} frames in a second`);
    stop.abort();
    await listening;
    await line.close();
    assert.equal(clock.timers, 0);
  },
};

/** Somebody who speaks, mostly in order. */
function speaker(random: Random): () => Buffer {
  const payloadType = random.pick([0, 8, 9, 101, 111]);
  const ssrc = random.int(2 ** 32);
  let sequence = random.int(65_536);
  let timestamp = random.int(2 ** 32);
  return () => {
    if (random.oneIn(12)) sequence += random.pick([-1, 2, 100, 3000, 30_000]);
    if (random.oneIn(12)) timestamp += random.pick([-160, 160, 8000, 2 ** 31]);
    sequence = (sequence + 1) & 0xffff;
    timestamp = (timestamp + 160) >>> 0;
    const packet = Buffer.concat([
      Buffer.alloc(12),
      random.bytes(payloadType === 101 ? 4 : random.pick([160, 80, 33, 1])),
    ]);
    writeRtpHeader(packet, payloadType, random.oneIn(20), sequence, timestamp, ssrc);
    return packet;
  };
}

class ScriptedSocket implements RtpSocket {
  readonly port: number;
  readonly sendsAtOnce = true;
  #listener: DatagramListener | undefined;

  constructor(port: number) {
    this.port = port;
  }

  listen(listener: DatagramListener): void {
    this.#listener = listener;
  }

  hear(bytes: Uint8Array, address: string, port: number, now: number): void {
    this.#listener?.datagram(bytes, 0, bytes.length, address, port, now);
  }

  send(...[, , , onSent]: Parameters<RtpSocket['send']>): void {
    onSent(null);
  }

  close(): void {}
}

class ScriptedPair implements PortPair {
  readonly port = 20_000;
  readonly rtp = new ScriptedSocket(20_000);
  readonly rtcp = new ScriptedSocket(20_001);

  hear(isRtcp: boolean, bytes: Buffer, address: string, port: number, now: number): void {
    (isRtcp ? this.rtcp : this.rtp).hear(bytes, address, port, now);
  }

  close(): void {}
}
