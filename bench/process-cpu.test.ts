import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { cpuBetween, droppedDatagrams, droppedOf, readCpu } from './process-cpu.ts';

const TABLE = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
 1291: 0100007F:4E20 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 14432 2 000000003e1e2b2d 7
 1292: 0100007F:4E22 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 14433 2 000000003e1e2b2d 5
 1393: 0100007F:14EB 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 14434 2 000000003e1e2b2d 900
`;

test('dropped datagrams are those of the sockets that were asked about', () => {
  assert.equal(droppedOf(new Set(['14432', '14433']), TABLE), 12);
  assert.equal(droppedOf(new Set(['14433', '99']), TABLE), 5);
  assert.equal(droppedOf(new Set(), TABLE), 0);
});

test('what a process does not read is seen to be dropped', async () => {
  const deaf = createSocket({ type: 'udp4', recvBufferSize: 4096 }).bind(0, '127.0.0.1');
  await once(deaf, 'listening');
  const sender = createSocket('udp4');
  const before = droppedDatagrams(process.pid);
  // Each goes out within the call, or in the turn after the last: none is read before the buffer is full.
  for (let i = 0; i < 200; i++) sender.send(Buffer.alloc(1000), deaf.address().port, '127.0.0.1');
  await new Promise((resolve) => sender.send('end', deaf.address().port, '127.0.0.1', resolve));
  const dropped = droppedDatagrams(process.pid) - before;
  sender.close();
  deaf.close();
  assert.ok(dropped > 100, `${dropped} of 200`);
});

test('the busiest thread is told apart from the main one', () => {
  const reading = (main: number, worker: number, other: number) => ({
    threads: new Map([
      [10, { name: 'MainThread', nanoseconds: main }],
      [11, { name: 'media-1', nanoseconds: worker }],
      [12, { name: 'V8Worker', nanoseconds: other }],
    ]),
  });
  const use = cpuBetween(reading(1e6, 2e6, 3e6), reading(101e6, 42e6, 5e6), 10);
  assert.deepEqual(use, { processMs: 142, busiest: { name: 'media-1', ms: 40 } });
});

test('a process that works is seen to work', () => {
  const before = readCpu(process.pid);
  const until = process.cpuUsage().user + 50_000;
  while (process.cpuUsage().user < until);
  assert.ok(cpuBetween(before, readCpu(process.pid), process.pid).processMs > 25);
});
