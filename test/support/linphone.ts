import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { outputOf } from './output.ts';

/** Linphone's console client, with files for a sound card. */
export interface Linphone {
  /** Resolves once it has printed `text`; rejects when it ends, or after 60 s, without. */
  said(text: string): Promise<void>;
  /** A command line of linphonec, such as `call sip:…` or `terminate`. */
  command(line: string): void;
  /** What it heard: 16 bit WAV, whole once the call has ended. */
  readonly heard: string;
  close(): Promise<void>;
}

const CONFIG = `[sip]
sip_port=-1
sip_tcp_port=-1
sip_tls_port=-1
register_only_when_network_is_up=0
[rtp]
audio_rtp_port=-1
[video]
capture=0
display=0
automatically_initiate=0
automatically_accept=0
`;

/** `speech`: a 16 bit mono WAV that it speaks from the moment the call is up. */
export async function startLinphone(speech: string): Promise<Linphone> {
  const home = mkdtempSync(join(tmpdir(), 'tonearm-linphone-'));
  const heard = join(home, 'heard.wav');
  mkdirSync(join(home, '.local/share/linphone'), { recursive: true });
  writeFileSync(join(home, 'linphonerc'), CONFIG);
  const child = spawn('linphonec', ['-c', join(home, 'linphonerc'), '-d', '0'], {
    env: { ...process.env, HOME: home },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const { said, ended } = outputOf('linphonec', child);
  child.stdin.on('error', () => {}); // it may be gone before the last command
  const phone: Linphone = {
    heard,
    said,
    command: (line) => void child.stdin.write(`${line}\n`),
    async close() {
      child.kill('SIGKILL');
      await ended;
      rmSync(home, { recursive: true, force: true });
    },
  };
  phone.command('soundcard use files');
  await phone.said('Using wav files instead of soundcard');
  phone.command(`play ${speech}`);
  phone.command(`record ${heard}`);
  return phone;
}
