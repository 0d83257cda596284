/** What somebody on the way, or the far end itself, may do to a handshake: each byte, each message, each order. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DtlsClient, type DtlsClientOptions } from '../../test/support/dtls-client.ts';
import { VirtualClock } from '../../test/support/virtual-clock.ts';
import { HANDSHAKE } from '../wire/dtls-handshake.ts';
import { CONTENT, formatHandshake, formatRecord, readRecords } from '../wire/dtls-record.ts';
import { createDtlsIdentity } from './dtls-identity.ts';
import { DtlsServer } from './dtls-server.ts';

const NOW = Date.parse('2026-01-01');
const [ours, theirs] = [createDtlsIdentity(NOW), createDtlsIdentity(NOW)];

/** A client and its server. `onWay`: what becomes of the server's datagrams. */
function stage(options: DtlsClientOptions = {}, onWay = (datagram: Buffer) => datagram) {
  const client = new DtlsClient({ identity: theirs, ...options });
  const outcomes: ('keys' | 'failed')[] = [];
  let sent = 0;
  const server = new DtlsServer({
    identity: ours,
    fingerprint: theirs.fingerprint,
    clock: new VirtualClock(),
    send: (datagram) => {
      sent += datagram.length;
      client.hear(onWay(Buffer.from(datagram)));
    },
    onKeys: () => outcomes.push('keys'),
    onEnded() {},
    onFailed: () => outcomes.push('failed'),
  });
  return {
    client,
    server,
    outcomes,
    get sent() {
      return sent;
    },
  };
}

/** The places in `datagram` that matter: all but versions, and ChangeCipherSpec. */
function covered(datagram: Buffer): readonly number[] {
  const places: number[] = [];
  let at = 0;
  for (const { type, epoch, fragment } of readRecords(datagram)) {
    const start = at + 13;
    // In the clear a record's epoch and number are nobody's secret, and mean nothing.
    const head = epoch === 0 ? [0, 11, 12] : [0, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    if (type !== CONTENT.changeCipherSpec)
      places.push(...head.map((place) => at + place), ...Array.from(fragment, (_, index) => start + index));
    at = start + fragment.length;
  }
  return places;
}

test('no byte of the client’s messages can be changed on the way', () => {
  const { client: model, server } = stage();
  const [hello] = model.hello();
  server.hear(hello!);
  const flights = [hello!.length, model.answer().length];
  for (const [flight, length] of flights.entries())
    for (let index = 0; index < length; index++) {
      const { client, server, outcomes } = stage();
      const change = (datagram: Buffer) => {
        // An ECDSA signature is not always as long.
        const places = covered(datagram);
        const place = places[index];
        if (place !== undefined) datagram[place]! ^= 1 << (index % 8);
        return place !== undefined;
      };
      const hello = client.hello()[0]!;
      const changedHello = flight === 0 && change(hello);
      server.hear(hello);
      // What was thrown away, or refused, leaves the client without an answer.
      const answer = outcomes.length === 0 && client.answered ? client.answer() : Buffer.alloc(0);
      const changed = changedHello || (flight === 1 && change(answer));
      server.hear(answer);
      if (changed) assert.ok(!outcomes.includes('keys'), `byte ${index} of flight ${flight}`);
      server.close();
    }
});

test('no byte of the server’s messages can be changed on the way', () => {
  let length = 1;
  for (let index = 0; index < length; index += 3) {
    let changed = false;
    const { client, server, outcomes } = stage({}, (datagram) => {
      const places = covered(datagram);
      const place = places[index];
      length = Math.max(length, places.length);
      if (place !== undefined && !changed) {
        datagram[place]! ^= 1 << (index % 8);
        changed = true;
      }
      return datagram;
    });
    server.hear(client.hello()[0]!);
    if (client.answered) server.hear(answerOf(client));
    if (changed) assert.ok(!outcomes.includes('keys'), `byte ${index}`);
    server.close();
  }
});

/** Nothing where the server's point was changed. */
function answerOf(client: DtlsClient): Buffer {
  try {
    return client.answer();
  } catch {
    return Buffer.alloc(0);
  }
}

const { clientHello, certificate, clientKeyExchange, certificateVerify, finished } = HANDSHAKE;
const MESSAGES = { certificate, clientKeyExchange, certificateVerify, finished };

for (const [name, left] of Object.entries(MESSAGES))
  test(`a client that leaves ${name} out gets no keys`, () => {
    const { client, server, outcomes } = stage({
      change: (type, body) => (type === left ? undefined : body),
    });
    server.hear(client.hello()[0]!);
    server.hear(client.answer());
    assert.ok(!outcomes.includes('keys'));
  });

for (const [name, changed] of Object.entries({ clientHello, ...MESSAGES }))
  test(`a client whose ${name} is anything else gets no keys, whatever it goes on with`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(600), (bytes, at) => {
        const change = (type: number, body: Buffer) => {
          if (type !== changed) return body;
          const start = at % (body.length + 1);
          const other = Buffer.concat([body.subarray(0, start), bytes]);
          return other.equals(body) ? Buffer.concat([other, Buffer.alloc(1)]) : other;
        };
        const { client, server, outcomes } = stage({ change });
        server.hear(client.hello()[0] ?? Buffer.alloc(0));
        if (client.answered) server.hear(client.answer());
        assert.ok(!outcomes.includes('keys'));
        server.close();
      }),
      { numRuns: 60 },
    );
  });

const NO_CERTIFICATES: readonly [string, string][] = [
  ['an empty list', '000000'],
  ['an empty certificate', '000003 000000'],
  ['a list that is cut off', '000010 00000d 30'],
  ['nothing', ''],
];

for (const [name, body] of NO_CERTIFICATES)
  test(`a client that shows ${name} in the place of its certificate is turned away`, () => {
    const said = Buffer.from(body.replace(/ /g, ''), 'hex');
    const { client, server, outcomes } = stage({
      change: (type, body) => (type === certificate ? said : body),
    });
    server.hear(client.hello()[0]!);
    server.hear(client.answer());
    assert.deepEqual(outcomes, ['failed']);
  });

const hex = (text: string) => Buffer.from(text, 'hex');
const ORDER = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551';
const POINTS: readonly [string, Buffer][] = [
  ['the point at infinity', hex('0100')],
  ['nothing', hex('00')],
  ['zeros', Buffer.concat([hex('4104'), Buffer.alloc(64)])],
  ['a point of no curve', Buffer.concat([hex('4104'), Buffer.alloc(64, 7)])],
  ['coordinates beyond the field', Buffer.concat([hex('4104'), Buffer.alloc(64, 255)])],
  ['a compressed point', Buffer.concat([hex('2102'), hex(ORDER)])],
  ['a hybrid point', Buffer.concat([hex('4106'), hex(ORDER), hex(ORDER)])],
];

for (const [name, point] of POINTS)
  test(`a key exchange with ${name} is turned away`, () => {
    const change = (type: number, body: Buffer) => (type === clientKeyExchange ? point : body);
    const { client, server, outcomes } = stage({ change });
    server.hear(client.hello()[0]!);
    server.hear(client.answer());
    assert.deepEqual(outcomes, ['failed']);
  });

/** Each record of the datagrams as a datagram of its own. */
const records = (...datagrams: readonly Buffer[]) => datagrams.flatMap(readRecords).map(formatRecord);

test('records that are lost, repeated and out of order lead to the keys all the same, once both flights were repeated', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(40), { maxLength: 40 }), (order) => {
      const { client, server, outcomes } = stage();
      const hello = client.hello(30);
      for (const index of order) server.hear(hello[index % hello.length]!);
      for (const datagram of hello) server.hear(datagram);
      const answer = records(client.answer());
      for (const index of order) server.hear(answer[index % answer.length]!);
      for (const datagram of records(client.again())) server.hear(datagram);
      assert.deepEqual([outcomes, client.finished], [['keys'], true]);
    }),
    { numRuns: 60 },
  );
});

test('a handshake that stands is not ended, begun anew or made to answer by anything in the clear', () => {
  const stood = stage();
  const { client, server, outcomes } = stood;
  server.hear(client.hello()[0]!);
  server.hear(client.answer());
  const { sent } = stood;
  const clear = fc.record({
    type: fc.constantFrom(20, 21, 22, 23, 24),
    epoch: fc.constantFrom(0, 1, 2, 65_535),
    sequence: fc.nat(),
    fragment: fc.oneof(
      fc.constantFrom(
        Buffer.of(2, 0),
        Buffer.of(1, 0),
        Buffer.of(2, 40),
        formatHandshake(1, 0, Buffer.alloc(60)),
      ),
      fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
    ),
  });
  fc.assert(
    fc.property(fc.array(clear, { maxLength: 5 }), (some) => {
      server.hear(Buffer.concat(some.map(formatRecord)));
      assert.deepEqual([outcomes, stood.sent], [['keys'], sent]);
    }),
    { numRuns: 1000 },
  );
  server.hear(client.again());
  assert.ok(stood.sent > sent);
});
