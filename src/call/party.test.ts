import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseNameAddr, parseSipUri } from '../wire/sip-uri.ts';
import { dialledOf, partyOf, phoneNumber } from './party.ts';

const party = (text: string) => partyOf(parseNameAddr(text)!);

test('a number is a phone, told without separators', () => {
  assert.deepEqual(party('"Ada L." <sip:+1-(425)-555-0100@pbx;user=phone>;tag=1'), {
    kind: 'phone',
    id: '+14255550100',
    displayName: 'Ada L.',
  });
  assert.deepEqual(party('<tel:+1-425-555-0100>'), {
    kind: 'phone',
    id: '+14255550100',
    displayName: undefined,
  });
  assert.equal(party('<sip:1001@pbx>').id, '1001');
});

test('anybody else is a user, told as SIP URI without its parameters', () => {
  assert.deepEqual(party('Ada <sip:ada@example.com:5080;transport=tcp?subject=x>;tag=1'), {
    kind: 'user',
    id: 'sip:ada@example.com:5080',
    displayName: 'Ada',
  });
  for (const uri of [
    'sip:ada1@example.com',
    'sip:host.example',
    'sip:+@example.com',
    'sip:1+2@example.com',
  ]) {
    assert.deepEqual(party(`<${uri}>`), { kind: 'user', id: uri, displayName: undefined });
  }
});

test('what was dialled is told as it stood there', () => {
  assert.equal(
    dialledOf(parseSipUri('sip:+1-425-555-0100;phone-context=x@pbx;user=phone')!),
    '+1-425-555-0100',
  );
  assert.equal(dialledOf(parseSipUri('sip:Voicemail@pbx;x=y')!), 'sip:Voicemail@pbx;x=y');
});

test('what is almost a number is told to be none at once, however long it is', () => {
  // Tried from each digit anew it would take hours.
  for (const digits of ['0', '0 ', ' 0', '.']) {
    const user = `${digits.repeat(1_000_000)}!`;
    assert.equal(phoneNumber({ ...parseSipUri('sip:a@b')!, user }), undefined);
  }
});
