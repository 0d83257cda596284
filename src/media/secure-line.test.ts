import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type BrowserPeer, openBrowserPeer } from '../../test/support/browser-peer.ts';
import { freePorts, towards } from '../../test/support/pool-stage.ts';
import { systemClock } from '../clock.ts';
import { silentLog } from '../log.ts';
import { decodeG711, encodeG711 } from '../wire/g711.ts';
import { writeRtpHeader } from '../wire/rtp.ts';
import { createDtlsIdentity } from './dtls-identity.ts';
import { audioOf } from './line.ts';
import { loadNativeSockets } from './native-sockets.ts';
import { createPortPairs } from './ports.ts';
import { openRtpLine, type RtpLine } from './rtp-line.ts';
import { createNodeSockets, type RtpSockets } from './rtp-sockets.ts';

const identity = createDtlsIdentity(systemClock.now());
const native = loadNativeSockets(systemClock);
const never = new AbortController().signal;

/** A line for browsers, and one that has not called yet. */
async function stage(t: TestContext, sockets: RtpSockets = nodeSockets()) {
  const min = await freePorts(2);
  const line = await openRtpLine({
    address: '127.0.0.1',
    ports: createPortPairs({ min, max: min + 1 }, sockets),
    clock: systemClock,
    log: silentLog,
    identity,
  });
  const peer = await openBrowserPeer();
  t.after(async () => {
    await line.close();
    peer.close();
  });
  return { line, peer };
}

const nodeSockets = () => createNodeSockets(() => systemClock.monotonic());

function connect(line: RtpLine, { parameters }: BrowserPeer): void {
  line.connect({ ...towards(0), remote: { address: '', port: 0, rtcpPort: 0 }, secure: parameters });
}

const loud = Int16Array.from({ length: 160 }, (_, at) => 8000 * Math.sin(at / 2));

function packet(index: number, samples = loud): Uint8Array {
  const bytes = new Uint8Array(12 + samples.length);
  writeRtpHeader(bytes, 0, index === 0, index, index * 160, 77);
  encodeG711('PCMU', samples, 0, samples.length, bytes, 12);
  return bytes;
}

/** Resolves with the first frame that is loud. */
function hearsLoudness(line: RtpLine): Promise<true | undefined> {
  return line.listen(
    { hear: (frame) => audioOf(frame).some((sample) => sample > 4000) || undefined },
    {
      signal: never,
    },
  );
}

const kinds: readonly [string, () => RtpSockets | undefined][] = [
  ['Node.js', nodeSockets],
  ['native', () => native],
];

for (const [name, sockets] of kinds) {
  const skip = sockets() === undefined && 'not built: npm run build:native';
  test(`a browser is heard, and hears what plays from its first sample, over ${name} sockets`, {
    skip,
  }, async (t) => {
    const { line, peer } = await stage(t, sockets());
    connect(line, peer);
    const said = Int16Array.from({ length: 1600 }, (_, at) => ((at * 37) % 5000) - 2500);
    const played = line.play(said, { signal: never });
    await peer.check(line.port);
    await peer.secure(line.port);
    assert.deepEqual(await played, { by: 'end' });
    await peer.hears(10);
    const heard = new Int16Array(1600);
    for (const [index, bytes] of peer.heard.slice(0, 10).entries())
      decodeG711('PCMU', bytes, 12, bytes.length, heard, index * 160);
    const expected = new Int16Array(1600);
    const coded = new Uint8Array(1600);
    encodeG711('PCMU', said, 0, 1600, coded, 0);
    decodeG711('PCMU', coded, 0, 1600, expected, 0);
    assert.deepEqual(heard, expected);
    const hears = hearsLoudness(line);
    for (let index = 0; index < 20; index++) peer.send(packet(index), line.port);
    assert.equal(await hears, true);
  });
}

test('nothing is believed before DTLS is done, and nothing plain after it', async (t) => {
  const { line, peer } = await stage(t);
  connect(line, peer);
  peer.sendPlain(packet(0), line.port);
  await peer.check(line.port);
  peer.sendPlain(packet(1), line.port);
  await peer.secure(line.port);
  peer.sendPlain(packet(2), line.port);
  peer.send(packet(3), line.port);
  await hearsLoudness(line);
  assert.equal(line.counts.received, 1);
});

test('who was not checked is not answered: neither DTLS nor a check with another password', async (t) => {
  const { line, peer } = await stage(t);
  connect(line, peer);
  const stranger = await openBrowserPeer();
  t.after(() => stranger.close());
  // Refused: its credentials are its own. Nobody waits for an answer that does not come.
  void stranger.check(line.port);
  void stranger.secure(line.port);
  await peer.check(line.port);
  await peer.secure(line.port);
  assert.equal(stranger.datagrams, 0);
});

test('what a browser says anew, of the same certificate, keeps the keys', async (t) => {
  const { line, peer } = await stage(t);
  connect(line, peer);
  await peer.check(line.port);
  await peer.secure(line.port);
  connect(line, peer);
  const hears = hearsLoudness(line);
  peer.send(packet(0), line.port);
  assert.equal(await hears, true);
});

test('what waits to play ends with the line', async (t) => {
  const { line, peer } = await stage(t);
  connect(line, peer);
  const played = line.play(loud, { signal: never });
  await line.close();
  assert.deepEqual(await played, { by: 'aborted' });
});
