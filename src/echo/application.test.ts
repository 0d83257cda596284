import assert from 'node:assert/strict';
import { test } from 'node:test';
import { APPLICATION } from '../../test/support/call-stage.ts';
import { directoryOf } from '../../test/support/directory.ts';
import type { ApplicationDirectory } from '../call/application.ts';
import { createRouter } from '../call/routing.ts';
import { parseSipUri } from '../wire/sip-uri.ts';
import { withEcho } from './application.ts';

const called = (applications: ApplicationDirectory, uri: string) =>
  createRouter(applications)(parseSipUri(uri)!)?.name;

test('echo takes the calls to its own routes before any application does', () => {
  const applications = withEcho(directoryOf([{ ...APPLICATION, routes: ['*'] }]), ['sip:echo@*']);
  assert.equal(called(applications, 'sip:echo@tonearm.example'), 'Echo');
  assert.equal(called(applications, 'sip:anybody@tonearm.example'), 'Voicemail');
});

test('with * among its routes it takes what no application does', () => {
  const applications = withEcho(directoryOf([APPLICATION]), ['sip:echo@*', '*']);
  assert.equal(called(applications, 'sip:voicemail@tonearm.example'), 'Voicemail');
  assert.equal(called(applications, 'sip:echo@tonearm.example'), 'Echo');
  assert.equal(called(applications, 'sip:+14255550100@tonearm.example'), 'Echo');
});

test('without routes there is no echo', () => {
  const applications = withEcho(directoryOf([APPLICATION]), []);
  assert.equal(called(applications, 'sip:echo@tonearm.example'), undefined);
});

test('an application that comes while the server runs is routed to', () => {
  let present = [APPLICATION];
  const applications = withEcho({ all: () => present, get: () => undefined }, ['*']);
  const route = createRouter(applications);
  const uri = parseSipUri('sip:survey@tonearm.example')!;
  assert.equal(route(uri)?.name, 'Echo');
  present = [APPLICATION, { ...APPLICATION, id: 'other', name: 'Survey', routes: ['survey'] }];
  assert.equal(route(uri)?.name, 'Survey');
});
