import { readFile, stat } from 'node:fs/promises';
import { TonearmError } from '../errors.ts';
import { decodePrompt } from '../media/prompt-decode.ts';
import type { PromptAudio } from '../media/prompt-library.ts';

export type SoundFile = Pick<Extract<PromptAudio, { ok: true }>, 'samples' | 'wide'>;

const MOST_BYTES = 20_000_000;

/** A sound file of whoever typed the command. Throws TonearmError `noSound`, which says what is wrong with it and begins with `named`. */
export async function readSoundFile(file: string, named = file): Promise<SoundFile> {
  const no = (why: string) => new TonearmError('noSound', `${named}: ${why}`);
  let bytes: Uint8Array;
  try {
    // Looked at first, so that no device or pipe is waited for.
    const found = await stat(file);
    if (!found.isFile()) throw no('it is not a file');
    if (found.size > MOST_BYTES) throw no(`it has ${found.size} bytes; ${MOST_BYTES} are the limit`);
    bytes = await readFile(file);
  } catch (thrown) {
    if (thrown instanceof TonearmError) throw thrown;
    const code = (thrown as NodeJS.ErrnoException).code ?? 'error';
    throw no(code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code})`);
  }
  const decoded = await decodePrompt(bytes, false);
  if (!decoded.ok) throw no(decoded.reason);
  return decoded;
}
