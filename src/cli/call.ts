/** `tonearm call …`: a scripted caller for whoever tests a bot, a trunk or a dial plan. */
import { writeFileSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { reasonOf, TonearmError } from '../errors.ts';
import { CODEC_NAMES, type Codec } from '../media/codecs.ts';
import { KEYS } from '../media/keys.ts';
import type { Key } from '../media/line.ts';
import { pcmWavHeader } from '../wire/wav.ts';
import type { Recording } from './ear.ts';
import { type CallReport, placeScriptedCall, type Step } from './scripted-call.ts';
import { readSoundFile } from './sound-file.ts';

interface CallOptions {
  readonly record?: string;
  readonly json?: boolean;
  readonly from: string;
  readonly transport: 'udp' | 'tcp';
  readonly codec?: readonly Codec[];
  readonly timeout: number;
  readonly username?: string;
  readonly passwordEnv: string;
}

/** As the command line has it: a sound is not read yet. */
type AskedStep = Step | { readonly step: 'play'; readonly file: string };

const HELP = `
Steps are done in the order in which they are given. After the last one the far end is expected to hang up.

  tonearm call sip:voicemail@127.0.0.1:5060 --wait-for beep --play hello.wav --keys "#" --record heard.wav
  tonearm call sip:menu@pbx.example --wait-for silence --keys "1,2" --wait-for sound --hang-up --json

Exit code: 0 when all went as scripted, 1 when it did not, 2 when the command line is wrong. With --json the report is on stdout: what was done
and heard, when (milliseconds from the answer), and how the call ended.`;

/**
 * `print` gets what goes to stdout, `onCode` the exit code. Rejects with TonearmError `badCall`, `badTarget` or `noSound`, or
 * with commander's own, for what is wrong with the command line.
 */
export function callCommand(print: (text: string) => void, onCode: (code: number) => void): Command {
  const steps: AskedStep[] = [];
  const step =
    <T>(read: (value: string) => AskedStep) =>
    (value: T) =>
      void steps.push(read(String(value)));
  return new Command('call')
    .description('place a call, do what the script says, and tell what was heard')
    .argument('<target>', 'a SIP URI, such as sip:voicemail@127.0.0.1:5060')
    .addOption(
      new Option(
        '--wait-for <what>',
        'beep: until it is over; sound; silence: a second of it; or a number of seconds',
      ).argParser(step(readWait)),
    )
    .addOption(
      new Option('--play <file>', 'WAV, any rate').argParser(step((file) => ({ step: 'play', file }))),
    )
    .addOption(new Option('--keys <keys>', 'such as "1,2,#"').argParser(step(readKeys)))
    .option('--hang-up', 'do not wait for the far end to hang up')
    .on('option:hang-up', () => void steps.push({ step: 'hangUp' }))
    .option(
      '--record <file>',
      'what was heard, from the answer to the end, as WAV: 16 kHz of Opus and G.722, else 8 kHz',
    )
    .option('--json', 'a report for programs, in the place of the story')
    .option('--from <user>', 'who calls: a number or a name', 'tonearm')
    .addOption(new Option('--transport <transport>').choices(['udp', 'tcp']).default('udp'))
    .addOption(
      new Option(
        '--codec <codec>',
        `one of ${CODEC_NAMES.join(', ')}; may be repeated, the most wanted first`,
      ).argParser((value: string, before: readonly Codec[] = []) => [...before, readCodec(value)]),
    )
    .option('--timeout <seconds>', 'for all of it', readSeconds, 60)
    .option('--username <name>', 'for a far end that asks for a password')
    .option('--password-env <name>', 'the environment variable that holds it', 'TONEARM_CALL_PASSWORD')
    .addHelpText('after', HELP)
    .action(async (target: string, options: CallOptions) => {
      onCode((await call(target, steps, options, print)) ? 0 : 1);
    });
}

/** Whether all went as scripted. */
async function call(
  target: string,
  asked: readonly AskedStep[],
  options: CallOptions,
  print: (text: string) => void,
): Promise<boolean> {
  const steps: Step[] = [];
  for (const one of asked)
    steps.push(
      one.step === 'play' ? { ...one, sound: await readSoundFile(one.file, `--play ${one.file}`) } : one,
    );
  const { from: user, transport, codec: codecs, timeout: timeoutSeconds, json = false } = options;
  const credentials = credentialsOf(options);
  const began = performance.now();
  const narrate = (what: string) => {
    if (!json) print(`${((performance.now() - began) / 1000).toFixed(2).padStart(7)} s  ${what}`);
  };
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
  const { signal } = interrupted;
  const script = { target, from: { user }, transport, codecs, credentials, steps, timeoutSeconds, signal };
  const { report, recording } = await placeScriptedCall(script, narrate);
  if (options.record !== undefined) save(options.record, recording);
  print(json ? JSON.stringify(report, undefined, 2) : storyOf(report));
  return report.ok;
}

function storyOf({ failure, heard, keys, packets, codec }: CallReport): string {
  const seconds = (ms: number) => (ms / 1000).toFixed(2);
  return [
    ...heard.map(
      ({ what, fromMs, toMs, loudestDbov }) =>
        `heard  ${seconds(fromMs)}–${seconds(toMs)} s  ${what}, ${loudestDbov} dBov`,
    ),
    ...keys.map(({ key, atMs }) => `heard  ${seconds(atMs)} s  the key ${key}`),
    ...(packets === undefined ? [] : [`${codec}: ${packets.received} packets, ${packets.lost} lost`]),
    failure === undefined ? 'all went as scripted' : `failed: ${failure}`,
  ].join('\n');
}

function save(file: string, { samples, rate }: Recording): void {
  const audio = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);
  try {
    writeFileSync(file, Buffer.concat([pcmWavHeader(rate, samples.length), audio]));
  } catch (cause) {
    throw new TonearmError('badCall', `${file} cannot be written: ${reasonOf(cause)}`, { cause });
  }
}

function credentialsOf({ username, passwordEnv }: CallOptions) {
  if (username === undefined) return undefined;
  const password = process.env[passwordEnv];
  if (password === undefined)
    throw new TonearmError(
      'badCall',
      `--username wants a password in the environment: ${passwordEnv} is not set`,
    );
  return { username, password };
}

function readWait(value: string): Step {
  if (value === 'beep' || value === 'sound' || value === 'silence') return { step: 'wait', for: value };
  const seconds = Number(value);
  if (!(seconds > 0))
    throw new InvalidArgumentError('It must be beep, sound, silence, or a number of seconds.');
  return { step: 'pause', seconds };
}

function readKeys(value: string): Step {
  const keys = value.split(/[\\s,]+/).filter((key) => key !== '');
  const unknown = keys.find((key) => !KEYS.includes(key.toUpperCase() as Key));
  if (unknown !== undefined || keys.length === 0)
    throw new InvalidArgumentError(
      `It must be keys such as "1,2,#": 0-9, *, #, A-D${unknown === undefined ? '' : `; not ${unknown}`}.`,
    );
  return { step: 'keys', keys: keys.map((key) => key.toUpperCase() as Key) };
}

function readCodec(value: string): Codec {
  const known = CODEC_NAMES.find((name) => name.toLowerCase() === value.toLowerCase());
  if (known === undefined) throw new InvalidArgumentError(`It must be one of ${CODEC_NAMES.join(', ')}.`);
  return known;
}

function readSeconds(value: string): number {
  const seconds = Number(value);
  if (!(seconds > 0 && seconds <= 86_400))
    throw new InvalidArgumentError('It must be a number of seconds, at most a day.');
  return seconds;
}
