import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLoopbackAddress, isPrivateAddress, isPublicAddress } from './address.ts';

test('addresses of the public internet are public', () => {
  for (const address of [
    '1.1.1.1',
    '9.255.255.255',
    '100.63.255.255',
    '100.128.0.1',
    '172.15.0.1',
    '172.32.0.1',
    '192.167.1.1',
    '223.255.255.254',
    '2606:4700::1111',
    '2a00:1450:4001::200e',
    '2003::1',
  ])
    assert.ok(isPublicAddress(address), address);
});

test('loopback, private, link-local, shared, multicast and reserved addresses are not', () => {
  for (const address of [
    '0.0.0.0',
    '10.0.0.1',
    '100.64.0.1',
    '100.127.255.255',
    '127.0.0.1',
    '127.255.0.3',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.8',
    '192.168.1.1',
    '198.18.0.1',
    '198.19.255.255',
    '203.0.113.9',
    '224.0.0.1',
    '239.255.255.250',
    '240.0.0.1',
    '255.255.255.255',
  ])
    assert.ok(!isPublicAddress(address), address);
  for (const address of [
    '::',
    '::1',
    'fe80::1',
    'fe80::1%eth0',
    'fc00::1',
    'fd12:3456::1',
    'ff02::1',
    '2001:db8::1',
    '2002:7f00:1::',
    '2001:0:1::',
    '3fff::1',
    '64:ff9b::7f00:1',
  ])
    assert.ok(!isPublicAddress(address), address);
});

test('IPv4 within IPv6 is never public', () => {
  for (const address of [
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:1.1.1.1',
    '::127.0.0.1',
    '::ffff:0:10.0.0.1',
  ])
    assert.ok(!isPublicAddress(address), address);
});

test('what is no address is not public', () => {
  for (const text of ['', 'localhost', '1.1.1', '0x7f000001', '::zz'])
    assert.ok(!isPublicAddress(text), text);
});

test('private are loopback and the networks of one’s own, in no disguise; link-local ones, where clouds serve secrets, are not', () => {
  for (const address of [
    '127.0.0.1',
    '10.1.2.3',
    '172.20.0.1',
    '192.168.1.1',
    '100.64.0.1',
    '::1',
    'fd00::1',
  ])
    assert.ok(isPrivateAddress(address), address);
  for (const address of [
    ...[
      '169.254.169.254',
      'fe80::1',
      'fd00::1%eth0',
      '0.0.0.0',
      '::',
      '224.0.0.1',
      '1.1.1.1',
      '2606:4700::1',
    ],
    ...[
      '::ffff:127.0.0.1',
      '0:0:0:0:0:ffff:7f00:1',
      '::7f00:1',
      '64:ff9b::a00:1',
      '2002:7f00:1::',
      'localhost',
    ],
  ])
    assert.ok(!isPrivateAddress(address), address);
});

test('loopback is 127.0.0.0/8 and ::1, however it is spelt', () => {
  for (const address of ['127.0.0.1', '127.9.9.9', '::1', '0:0:0:0:0:0:0:1'])
    assert.ok(isLoopbackAddress(address), address);
  for (const address of ['::', '0.0.0.0', '::ffff:127.0.0.1', '10.0.0.1', 'localhost'])
    assert.ok(!isLoopbackAddress(address), address);
});
