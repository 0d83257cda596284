/** Prompts from the folders that `prompts.allow` lists. */
import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { sep } from 'node:path';
import { type PromptRules, pathOf } from './prompt-rules.ts';

/** What became of getting a prompt's bytes. */
export type Fetched =
  | { readonly ok: true; readonly bytes: Uint8Array }
  /** Goes on from "the prompt …: ". */
  | { readonly ok: false; readonly message: string };

/** Reads a `file:` URI. Nothing outside the listed folders is touched, by `..` or by a symbolic link. Never rejects. */
export async function readPromptFile(uri: string, rules: PromptRules, maxBytes: number): Promise<Fetched> {
  const no = (message: string): Fetched => ({ ok: false, message });
  let path: string;
  try {
    path = pathOf(uri, rules.baseFolder);
  } catch {
    return no(
      'it names no file: write file:///folder/name.wav, or file:./folder/name.wav from the config’s folder',
    );
  }
  const folder = rules.folders.find((folder) => isInside(path, folder));
  if (folder === undefined) return no('it is not in a folder that prompts.allow lists');
  try {
    const target = await realpath(path);
    if (!isInside(target, await realpath(folder)))
      return no('it is a link that leads out of the folder that prompts.allow lists');
    return await readWhole(target, maxBytes);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'error';
    return no(code === 'ENOENT' ? 'there is no such file' : `the file cannot be read (${code})`);
  }
}

async function readWhole(path: string, maxBytes: number): Promise<Fetched> {
  // Resolved already: a link that is here now was put here since. A pipe must not hold us up.
  await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const stat = await file.stat();
  if (!stat.isFile()) return { ok: false, message: 'it is not a file' };
  if (stat.size > maxBytes)
    return { ok: false, message: `it has ${stat.size} bytes; ${maxBytes} are the limit` };
  const bytes = new Uint8Array(stat.size);
  const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
  return { ok: true, bytes: bytes.subarray(0, bytesRead) };
}

function isInside(path: string, folder: string): boolean {
  return path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}
