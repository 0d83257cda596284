import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freeTcpPort } from './free-port.ts';
import { outputOf } from './output.ts';

/** A softphone that we did not write, without a screen: speaks a file, keeps what it sends and hears. */
export interface Baresip {
  /** Resolves once its log shows `text`; rejects when it ends, or after 60 s, without. */
  said(text: string): Promise<void>;
  /** A command of its menu module, such as `dial` or `hangup`. */
  command(command: string, params?: string): void;
  /** Files of what it sent and what it heard so far: 16 bit WAV at the codec's rate. */
  audio(): { readonly sent: string; readonly heard: string };
  close(): Promise<void>;
}

/** `speech`: a 16 bit WAV, long enough for the whole call: mono at 8 kHz, at 16 kHz for G.722, for Opus in stereo at 48 kHz. */
export async function startBaresip(
  speech: string,
  options: { readonly codec?: 'pcmu' | 'pcma' | 'g722' | 'opus' } = {},
): Promise<Baresip> {
  const folder = mkdtempSync(join(tmpdir(), 'tonearm-baresip-'));
  const control = await freeTcpPort();
  const { codec = 'pcmu' } = options;
  const codecModule = codec.startsWith('pcm') ? 'g711' : codec;
  const modules = [`module ${codecModule}.so`, 'module aufile.so', 'module sndfile.so', `snd_path ${folder}`];
  writeFileSync(
    join(folder, 'config'),
    [
      ...[
        'poll_method epoll',
        'sip_listen 0.0.0.0:0',
        'rtp_tos 184',
        'jitter_buffer_delay 5-10',
        'module_path /usr/lib/baresip/modules',
      ],
      ...[
        `audio_source aufile,${speech}`,
        `audio_player aufile,${folder}/player.wav`,
        'ausrc_format s16',
        'auplay_format s16',
      ],
      ...modules,
      ...[
        'module_app account.so',
        'module_app menu.so',
        'module_app ctrl_tcp.so',
        `ctrl_tcp_listen 127.0.0.1:${control}`,
        '',
      ],
    ].join('\n'),
  );
  writeFileSync(join(folder, 'accounts'), `<sip:alice@127.0.0.1>;regint=0;audio_codecs=${codec}\n`);
  writeFileSync(join(folder, 'contacts'), '');
  const child = spawn('baresip', ['-f', folder, '-4'], { stdio: ['ignore', 'pipe', 'pipe'] });
  const { said, text, ended } = outputOf('baresip', child);
  await said('baresip is ready');
  const socket = connect(control, '127.0.0.1');
  await once(socket, 'connect');
  socket.on('error', () => {});
  const file = (suffix: string) => {
    const name = readdirSync(folder).find((one) => one.endsWith(suffix));
    if (name === undefined) throw new Error(`baresip wrote no ${suffix} file:\n${text()}`);
    return join(folder, name);
  };
  return {
    said,
    command(command, params) {
      const text = JSON.stringify(params === undefined ? { command } : { command, params });
      socket.write(`${text.length}:${text},`);
    },
    audio: () => ({ sent: file('-enc.wav'), heard: file('-dec.wav') }),
    async close() {
      socket.destroy();
      child.kill('SIGKILL');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
