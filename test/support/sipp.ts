import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SippRun {
  /** XML of the scenario, or the name of one of sipp's own (`uac`). */
  readonly scenario: string;
  /** Where the server is that it calls; or, when it is `called`, where it listens itself. */
  readonly port: number;
  /** It waits for calls instead of placing them. */
  readonly called?: boolean;
  readonly transport?: 'udp' | 'tcp';
  /** Called number. */
  readonly service?: string;
  readonly calls?: number;
  /** Files that the scenario plays, by name. */
  readonly files?: Readonly<Record<string, Uint8Array>>;
  readonly args?: readonly string[];
}

export interface SippResult {
  readonly code: number | null;
  /** Every SIP message that went over the wire, as sipp logged it. */
  readonly messages: string;
  readonly output: string;
}

const TRIES = 5;
/** What it says, before it has sent anything, when its media port is another program's. */
const PORT_TAKEN = /Unable to bind (audio|video) RTP socket/;

/** Runs sipp, a caller (or called party) that we did not write, until its calls are over. Code 0: each went as its scenario says. */
export async function runSipp(run: SippRun): Promise<SippResult> {
  for (let tried = 1; ; tried++) {
    const result = await runOnce(run);
    if (tried === TRIES || !PORT_TAKEN.test(result.output)) return result;
  }
}

async function runOnce(run: SippRun): Promise<SippResult> {
  const folder = mkdtempSync(join(tmpdir(), 'tonearm-sipp-'));
  try {
    for (const [name, bytes] of Object.entries(run.files ?? {})) writeFileSync(join(folder, name), bytes);
    const own = !run.scenario.includes('<');
    if (!own) writeFileSync(join(folder, 'scenario.xml'), run.scenario);
    const child = spawn(
      'sipp',
      [
        ...(run.called ? ['-p', String(run.port)] : [`127.0.0.1:${run.port}`]),
        ...(own ? ['-sn', run.scenario] : ['-sf', 'scenario.xml']),
        ...[
          '-t',
          run.transport === 'tcp' ? 't1' : 'u1',
          '-i',
          '127.0.0.1',
          '-mi',
          '127.0.0.1',
          '-m',
          String(run.calls ?? 1),
        ],
        ...[
          '-s',
          run.service ?? 'voicemail',
          '-nostdin',
          '-trace_msg',
          '-message_file',
          'messages.log',
          '-trace_err',
        ],
        ...['-mp', String(randomPort()), '-timeout', '60s', '-timeout_error', ...(run.args ?? [])],
      ],
      { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString('latin1')));
    const [code] = (await once(child, 'close')) as [number | null];
    const logs = readdirSync(folder).filter((file) => file.endsWith('.log'));
    return {
      code,
      output,
      messages: logs.map((file) => readFileSync(join(folder, file), 'latin1')).join('\n'),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Below what servers of the tests take for media, and what the system gives for sockets without a port of their own. */
function randomPort(): number {
  return 10_000 + 4 * Math.floor(Math.random() * 950);
}
