import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSound } from './audio.ts';
import { type Bot, callPath, isFinalOperation, isState, type Notification, startBot } from './bot.ts';
import { keyPackets, pcapFile, speechPackets } from './pcap.ts';
import { dial, hungUp, play, scenario } from './scenarios.ts';
import { type ServerOptions, startServer, type TestServer } from './server.ts';
import { runSipp, type SippRun } from './sipp.ts';

/** A call that a bot has answered. */
export interface AnsweredCall {
  readonly id: string;
  /** `/app/calls/{id}`. */
  readonly path: string;
  /** Whether a notification is about this call. */
  readonly mine: (notification: Notification) => boolean;
}

/** A server, a bot that answers, and sipp for callers. */
export interface VoicemailStage {
  readonly bot: Bot;
  readonly server: TestServer;
  /** Answers the next call that comes from now on; resolves once it is established. */
  answerNext(): Promise<AnsweredCall>;
  /** Asks for a record operation, and resolves with what its last notification carries. */
  record(call: AnsweredCall, body: object): Promise<Notification['resourceData']>;
  /** POSTs an action of the call and expects 202. */
  act(call: AnsweredCall, action: string, body?: object): Promise<Response>;
  hangUp(call: AnsweredCall): Promise<void>;
  /** A call over sipp that plays `capture` and waits to be hung up on. Rejects when it goes another way. */
  caller(
    capture: Buffer,
    options?: Partial<SippRun> & { readonly steps?: readonly string[]; readonly codecs?: string },
  ): Promise<void>;
  /** Stops both; the server must end with code 0. */
  close(): Promise<void>;
}

export async function voicemailStage(options: ServerOptions = {}): Promise<VoicemailStage> {
  const bot = await startBot();
  const server = await startServer({ ...options, callbackUri: bot.callbackUri });
  const stage: VoicemailStage = {
    bot,
    server,
    async answerNext() {
      const seen = new Set(bot.notifications);
      const incoming = await bot.next('incoming', (one) => !seen.has(one) && isState('incoming')(one));
      const id = incoming.resourceData.id as string;
      const call = { id, path: callPath(incoming), mine: (one: Notification) => one.resource.includes(id) };
      await stage.act(call, 'answer', { callbackUri: bot.callbackUri });
      await bot.next('established', (one) => call.mine(one) && isState('established')(one));
      return call;
    },
    async record(call, body) {
      const done = new Set(bot.notifications.filter(isFinalOperation));
      await stage.act(call, 'record', body);
      const final = await bot.next(
        'final operation',
        (one) => call.mine(one) && isFinalOperation(one) && !done.has(one),
      );
      return final.resourceData;
    },
    async act(call, action, body = {}) {
      const reply = await bot.act(server.http, 'POST', `${call.path}/${action}`, body);
      assert.equal(reply.status, 202, `${action}: ${await reply.clone().text()}`);
      return reply;
    },
    async hangUp(call) {
      assert.equal((await bot.act(server.http, 'DELETE', call.path)).status, 204);
    },
    async caller(capture, { steps = [hungUp], codecs, ...run } = {}) {
      const text = scenario(dial(codecs === undefined ? {} : { codecs }), play('caller.pcap'), ...steps);
      const result = await runSipp({
        port: server.udp,
        scenario: text,
        files: { 'caller.pcap': capture },
        ...run,
      });
      assert.equal(result.code, 0, result.output + result.messages);
    },
    async close() {
      const code = await server.stop();
      await bot.close();
      assert.equal(code, 0);
    },
  };
  return stage;
}

/** A capture in pieces: silence, speech and keys one after the other, on one RTP clock. */
export type Piece = { readonly silenceMs: number } | { readonly says: Int16Array } | { readonly key: string };

export function capture(
  pieces: readonly Piece[],
  lose: (sequence: number) => boolean = () => false,
): { readonly pcap: Buffer; readonly startsMs: readonly number[] } {
  const packets = [];
  const startsMs: number[] = [];
  let atMs = 0;
  let sequence = 1;
  for (const piece of pieces) {
    startsMs.push(atMs);
    const made =
      'key' in piece
        ? keyPackets(piece.key, { atMs, sequence })
        : speechPackets('says' in piece ? piece.says : new Int16Array(piece.silenceMs * 8), {
            fromMs: atMs,
            sequence,
          });
    packets.push(...made.filter((packet) => !lose(packet.sequence)));
    sequence += made.length;
    atMs += 'key' in piece ? 100 : made.length * 20;
  }
  return { pcap: pcapFile(packets), startsMs };
}

/** What the bot was given, as 8 kHz samples; the file itself must be WAV, 16 kHz, 16 bit, mono. */
export async function download(operation: Notification['resourceData']): Promise<Int16Array> {
  const reply = await fetch(operation.recordResourceLocation, {
    headers: { authorization: `Bearer ${operation.recordResourceAccessToken}` },
  });
  assert.equal(reply.status, 200);
  const folder = mkdtempSync(join(tmpdir(), 'tonearm-wav-'));
  try {
    const bytes = Buffer.from(await reply.arrayBuffer());
    assert.deepEqual(
      [bytes.readUInt32LE(24), bytes.readUInt16LE(34), bytes.readUInt16LE(22)],
      [16_000, 16, 1],
    );
    writeFileSync(join(folder, 'recording.wav'), bytes);
    return readSound(join(folder, 'recording.wav'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
