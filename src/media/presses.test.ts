import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Presses } from './presses.ts';

const MS = 8;

/** `e500` and `t500` are a press of key 1 that begins at 500 ms as an event, and as a tone; an event lasts 100 ms. What is told, in ms. */
function told(script: string): string {
  const presses = new Presses();
  return script
    .split(' ')
    .flatMap((one) => {
      const onset = Number(one.slice(1)) * MS;
      const press = one.startsWith('e') ? presses.event('1', onset) : presses.tone('1', onset);
      if (one.startsWith('e')) presses.goesOn('1', onset + 100 * MS, true);
      return press === undefined ? [] : [press.onset / MS];
    })
    .join(' ');
}

test('a press that is heard both ways is told once, whichever comes first, and however late the other within 300 ms', () => {
  for (const apart of [0, 20, 100, 200, 300]) {
    assert.equal(told(`e1000 t${1000 + apart}`), '1000');
    assert.equal(told(`t1000 e${1000 + apart}`), '1000');
    assert.equal(told(`e${1000 + apart} t1000`), `${1000 + apart}`);
    assert.equal(told(`t${1000 + apart} e1000`), `${1000 + apart}`);
  }
});

test('beyond that they are two', () => {
  assert.equal(told('t1000 e1301'), '1000 1301');
  assert.equal(told('e1000 t1401'), '1000 1401');
});

test('presses in a row, each heard both ways, are as many, in whatever order the reports come', () => {
  for (const script of [
    'e1000 t1000 e1150 t1150 e1300 t1300',
    't1000 e1000 t1150 e1150 t1300 e1300',
    // The tones, or the events, are all late.
    'e1000 e1150 t1250 e1300 t1400 t1550',
    't1000 t1150 e1250 t1300 e1400 e1550',
    'e1000 t1000 t1150 e1150 e1300 t1300',
  ])
    assert.equal(told(script).split(' ').length, 3, script);
});

test('presses that come one way are told as they come', () => {
  assert.equal(told('e1000 e1150 e1300'), '1000 1150 1300');
  assert.equal(told('t1000 t1150 t1300'), '1000 1150 1300');
});

test('a tone that was interrupted, by the event that silences it or by a loss, is no second press', () => {
  assert.equal(told('t1000 e1040 t1100'), '1000');
  assert.equal(told('e1000 t1200 t1290'), '1000');
  assert.equal(told('t1000 e1000 t1120'), '1000');
  assert.equal(told('t1000 e1000 t1140'), '1000 1140');
  assert.equal(told('e1000 t1010 e2000 t2010'), '1000 2000');
});

test('another key is another press', () => {
  const presses = new Presses();
  assert.equal(presses.event('1', 8000)?.key, '1');
  assert.equal(presses.tone('2', 8000)?.key, '2');
  assert.equal(presses.tone('1', 8000), undefined);
});

test('an event is told with the onset of the tone that is heard right now, and one of a tone that is still held is told no more', () => {
  const presses = new Presses();
  assert.equal(presses.event('1', 8320, 8000)?.onset, 8000);
  assert.equal(presses.tone('1', 8000), undefined);
  assert.equal(presses.tone('2', 20_000)?.onset, 20_000);
  // Its event began, or was understood, only after a while.
  assert.equal(presses.event('2', 30_000, 20_000), undefined);
});
