/** What SRTP costs a packet of 20 ms G.711, as it is done and as it might be: CPU of one direction (decision 0014). */
import { createCipheriv, createHmac, createSecretKey, randomBytes } from 'node:crypto';
import { SrtpReceiver, SrtpSender } from '../src/media/srtp.ts';
import { MOST_SRTP_BYTES } from '../src/media/srtp-keys.ts';
import { writeRtpHeader } from '../src/wire/rtp.ts';

const PACKETS = 200_000;
const PACKET = Buffer.alloc(12 + 160);

/** Prints a line for each way, and one of JSON. */
export async function srtp(): Promise<void> {
  const results = [
    measured('as it is: protect', protecting()),
    measured('as it is: protect, unprotect', protecting(true)),
    measured('a cipher and an Hmac a packet', plainWay()),
    measured('AEAD_AES_128_GCM', gcm()),
  ];
  for (const { way, us } of results) console.log(`${way.padEnd(32)}${us.toFixed(1).padStart(6)} µs`);
  console.log(JSON.stringify({ bench: 'srtp', node: process.version, results }));
}

function measured(way: string, once: (index: number) => void) {
  for (let index = 0; index < PACKETS / 10; index++) once(index);
  const before = process.cpuUsage();
  for (let index = 0; index < PACKETS; index++) once(index + PACKETS / 10);
  const { user, system } = process.cpuUsage(before);
  return { way, us: (user + system) / PACKETS };
}

function protecting(both = false): (index: number) => void {
  const master = { key: randomBytes(16), salt: randomBytes(14) };
  const [sender, receiver] = [new SrtpSender(master), new SrtpReceiver(master)];
  const out = new Uint8Array(MOST_SRTP_BYTES);
  return (index) => {
    writeRtpHeader(PACKET, 0, false, index & 0xffff, index * 160, 7);
    const length = sender.rtp(PACKET, out);
    if (both && receiver.rtp(out, 0, length) < 0) throw new Error('a packet was refused');
  };
}

function plainWay(): () => void {
  const [key, authentication] = [createSecretKey(randomBytes(16)), createSecretKey(randomBytes(20))];
  const counter = randomBytes(16);
  return () => {
    createCipheriv('aes-128-ctr', key, counter).update(PACKET);
    createHmac('sha1', authentication).update(PACKET).digest();
  };
}

function gcm(): () => void {
  const key = createSecretKey(randomBytes(16));
  const nonce = randomBytes(12);
  return () => {
    const cipher = createCipheriv('aes-128-gcm', key, nonce).setAAD(PACKET.subarray(0, 12));
    cipher.update(PACKET.subarray(12));
    cipher.final();
    cipher.getAuthTag();
  };
}
