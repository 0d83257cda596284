/** Prompts from the folders that `prompts.allow` lists. */
import { constants } from 'node:fs';
import { type FileHandle, open, readlink, realpath, stat } from 'node:fs/promises';
import { sep } from 'node:path';
import { type PromptRules, pathOf } from './prompt-rules.ts';

/** What became of getting a prompt's bytes. */
export type Fetched =
  | { readonly ok: true; readonly bytes: Uint8Array }
  /** Goes on from "the prompt …: ". */
  | { readonly ok: false; readonly message: string };

/**
 * Reads a `file:` URI. Nothing outside the listed folders is read, by `..` or by a link, even when links are changed meanwhile. Never
 * rejects.
 */
export async function readPromptFile(uri: string, rules: PromptRules, maxBytes: number): Promise<Fetched> {
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
    // What the folder itself leads to is the operator's.
    const within = await realpath(folder);
    // Looked at first, so that no device is opened; a pipe that takes its place since must not hold us up.
    if (!isInside(await realpath(path), within)) return no(LEADS_OUT);
    if (!(await stat(path)).isFile()) return no('it is not a file');
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const opened = await file.stat();
    if (!opened.isFile()) return no('it is not a file');
    if (!isInside(await placeOf(file, path), within)) return no(LEADS_OUT);
    if (opened.size > maxBytes) return no(`it has ${opened.size} bytes; ${maxBytes} are the limit`);
    const bytes = new Uint8Array(opened.size);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
    return { ok: true, bytes: bytes.subarray(0, bytesRead) };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'error';
    return no(code === 'ENOENT' ? 'there is no such file' : `the file cannot be read (${code})`);
  }
}

const LEADS_OUT = 'it is a link that leads out of the folder that prompts.allow lists';

function no(message: string): Fetched {
  return { ok: false, message };
}

/**
 * Where an open file lies, which nobody can change any more. Only Linux tells; elsewhere it is where its path leads to now, and whoever can
 * change the folder in that very moment could pass off another file.
 */
async function placeOf(file: FileHandle, path: string): Promise<string> {
  return process.platform === 'linux' ? readlink(`/proc/self/fd/${file.fd}`) : realpath(path);
}

function isInside(path: string, folder: string): boolean {
  return path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}
