import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { request, response, SDP, tagOf, titleOf, willing } from '../../test/support/sip-stage.ts';
import { settle, VirtualClock } from '../../test/support/virtual-clock.ts';
import { silentLog } from '../log.ts';
import { header, parseSipMessage, type SipMessage } from '../wire/sip-message.ts';
import { createUserAgent, type UserAgentOptions } from './endpoint.ts';
import type { UserAgent } from './user-agent.ts';
import type { SipSocket } from './ws-transport.ts';

/** A browser's end of a WebSocket. */
class Browser implements SipSocket {
  readonly remote: SipSocket['remote'];
  readonly local = { address: '192.0.2.1', port: 8080 };
  readonly texts: string[] = [];
  isClosed = false;
  #onMessage: (bytes: Uint8Array) => void = () => {};
  #onClosed: () => void = () => {};

  constructor(port: number, address = '192.0.2.9') {
    this.remote = { address, port };
  }

  listen(onMessage: (bytes: Uint8Array) => void, onClosed: () => void): void {
    this.#onMessage = onMessage;
    this.#onClosed = onClosed;
  }

  send(text: string): void {
    this.texts.push(text);
  }

  close(): void {
    this.isClosed = true;
  }

  destroy(): void {
    this.close();
    this.#onClosed();
  }

  /** The page sends this. */
  async says(text: string): Promise<void> {
    this.#onMessage(Buffer.from(text.replace(/\r?\n/g, '\r\n')));
    await settle();
  }

  saysAtOnce(text: string): void {
    this.#onMessage(Buffer.from(text));
  }

  /** The page is gone. */
  async leaves(): Promise<void> {
    this.#onClosed();
    await settle();
  }

  heard(what: string): SipMessage {
    const messages = this.texts.flatMap((text) => {
      const parsed = parseSipMessage(Buffer.from(text));
      return parsed.ok ? [parsed.message] : [];
    });
    const found = messages.findLast((message) => titleOf(message) === what);
    assert.ok(found, `«${what}» among ${messages.map(titleOf)}`);
    return found;
  }
}

const via = (branch: string) => `SIP/2.0/WS df7jal23ls0d.invalid;branch=z9hG4bK${branch}`;
const fromPage = (method: string, options: Parameters<typeof request>[1] = {}) =>
  request(method, { via: via(`${method}${options.cseq ?? 1}`), ...options }).replace(
    'Contact: <sip:alice@192.0.2.9:5060>',
    'Contact: <sip:alice@df7jal23ls0d.invalid;transport=ws>',
  );

async function stage(t: TestContext, options: Partial<UserAgentOptions> = {}) {
  const clock = new VirtualClock();
  const agent = await createUserAgent({ listen: [], clock, log: silentLog, ...options });
  t.after(async () => {
    const closed = agent.close();
    await clock.advance(10_000);
    await closed;
  });
  const invites = agent.invites()[Symbol.asyncIterator]();
  const browser = (port = 50_000, address?: string) => {
    const socket = new Browser(port, address);
    agent.adopt(socket);
    return socket;
  };
  const invite = async (page: Browser) => {
    await page.says(fromPage('INVITE', { body: SDP }));
    const { value } = await invites.next();
    assert.ok(value);
    return value;
  };
  return { clock, agent, browser, invite };
}

/** A call that stands. */
async function established(t: TestContext) {
  const { invite, browser, ...rest } = await stage(t);
  const page = browser();
  const dialog = (await invite(page)).accept(SDP, willing);
  const toTag = tagOf(page.heard('200 INVITE'));
  await page.says(fromPage('ACK', { toTag, via: via('ack') }));
  assert.ok(dialog);
  return { ...rest, browser, page, dialog, toTag };
}

test('keep-alives count as messages: too many are not answered, and whoever goes on is let go', async (t) => {
  const { clock, browser } = await stage(t);
  const page = browser();
  await page.says('\r\n\r\n');
  assert.deepEqual(page.texts, ['\r\n']);
  for (let count = 0; count < 2500; count++) page.saysAtOnce('\r\n\r\n');
  // Two seconds' worth of what one source may send.
  assert.equal(page.texts.length, 2000);
  assert.equal(page.isClosed, false);
  await clock.advance(1000);
  await page.says('\r\n\r\n');
  assert.equal(page.texts.length, 2001);
  for (let count = 0; count < 2500; count++) page.saysAtOnce('');
  assert.equal(page.isClosed, true);
});

test('a call of a page is answered over its connection', async (t) => {
  const { invite, browser } = await stage(t);
  const page = browser();
  const call = await invite(page);
  assert.equal(call.source.transport, 'ws');
  call.ring();
  call.accept(SDP, willing);
  assert.equal(header(page.heard('180 INVITE'), 'contact'), '<sip:tonearm@192.0.2.1:8080;transport=ws>');
  assert.match(header(page.heard('200 INVITE'), 'via') ?? '', /^SIP\/2.0\/WS df7jal23ls0d.invalid;/);
});

test('a request of ours goes over the connection, though its Contact is no address', async (t) => {
  const { page, dialog } = await established(t);
  const ended = dialog.bye();
  await settle();
  const bye = page.heard('BYE');
  assert.equal(bye.kind === 'request' && bye.uri, 'sip:alice@df7jal23ls0d.invalid;transport=ws');
  assert.match(header(bye, 'via') ?? '', /^SIP\/2.0\/WS 192.0.2.1:8080;/);
  await page.says(response(bye, 200));
  await ended;
});

test('a ping of line ends is answered, a pong is not', async (t) => {
  const { browser } = await stage(t);
  const page = browser();
  await page.says('\r\n\r\n');
  await page.says('\r\n');
  assert.deepEqual(page.texts, ['\r\n']);
});

test('a page that leaves while it rings has given up', async (t) => {
  const { invite, browser } = await stage(t);
  const page = browser();
  const call = await invite(page);
  await page.leaves();
  assert.equal(call.cancelled.aborted, true);
});

test('a page that comes back over another connection goes on with its call there', async (t) => {
  const { page, browser, dialog, clock, toTag } = await established(t);
  await page.leaves();
  await clock.advance(10_000);
  const again = browser(50_001);
  await again.says(fromPage('OPTIONS', { toTag, cseq: 2 }));
  await clock.advance(60_000);
  assert.equal(dialog.ended.aborted, false);
  void dialog.bye();
  await settle();
  again.heard('BYE');
});

test('a page that does not come back has left its call', async (t) => {
  const { page, dialog, clock } = await established(t);
  await page.leaves();
  await clock.advance(29_999);
  assert.equal(dialog.ended.aborted, false);
  await clock.advance(1);
  assert.deepEqual(dialog.ended.reason, { by: 'gone' });
});

test('connections are closed with the agent, and none is taken after that', async (t) => {
  const { agent, browser, clock } = await stage(t);
  const page = browser();
  const closed = agent.close();
  await clock.advance(10_000);
  await closed;
  assert.equal(page.isClosed, true);
  assert.equal(browser().isClosed, true);
});

test('a source may have a hundred connections, as over TCP, and one that is trusted more', async (t) => {
  const isTrusted = (address: string) => address === '192.0.2.2';
  const { agent, browser } = await stage(t, { limits: { isTrusted } });
  for (const address of ['192.0.2.2', '192.0.2.9'])
    for (let port = 1; port <= 100; port++) browser(port, address);
  assert.equal(agent.mayAdopt('192.0.2.2'), true);
  assert.equal(agent.mayAdopt('192.0.2.9'), false);
  assert.equal(agent.mayAdopt('192.0.2.10'), true);
  assert.equal(agent.counts.turnedAway.connections, 1);
});

test('when there are too many, who has the most gives up the one that was silent for longest', async (t) => {
  const { agent, browser, clock } = await stage(t, { webSockets: 3 });
  const [first, second] = [browser(1), browser(2)];
  const other = browser(3, '192.0.2.10');
  await clock.advance(1000);
  await first.says('\r\n\r\n');
  assert.equal(agent.mayAdopt('192.0.2.9'), false);
  assert.equal(agent.mayAdopt('192.0.2.11'), true);
  assert.deepEqual(
    [first, second, other].map(({ isClosed }) => isClosed),
    [false, true, false],
  );
});

test('a page makes no more calls than a source may', async (t) => {
  const { agent, browser } = await stage(t, { limits: { requestsPerSecond: 1, callsPerSource: 1000 } });
  const page = browser();
  for (let count = 1; count <= 10; count++)
    await page.says(fromPage('INVITE', { body: SDP, cseq: count, callId: `call${count}` }));
  page.heard('503 INVITE');
  assert.notEqual(agent.counts.turnedAway.requests, 0);
});

test('nonsense costs nobody anything', async (t) => {
  const { agent, invite, browser } = await stage(t);
  const page = browser();
  for (const text of ['', 'hello', '\0\0', `INVITE sip:x SIP/2.0\r\n\r\n`, 'x'.repeat(70_000)])
    await page.says(text);
  assert.ok(await invite(page));
  assert.ok(agent satisfies UserAgent);
});
