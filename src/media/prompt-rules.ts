/** What a prompt's URI may reach: the entries of the setting `prompts.allow`, read. */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { reasonOf, TonearmError } from '../errors.ts';
import { type Entry, type OutboundRules, outboundRules, readEntry } from '../outbound/rules.ts';

export interface PromptRules {
  /** `https:` and `http:`. */
  readonly outbound: OutboundRules;
  /** Absolute paths. */
  readonly folders: readonly string[];
  /** What relative `file:` URIs start from. */
  readonly baseFolder: string;
}

/**
 * Reads the entries: those of outbound/rules.ts, or a folder (`file:./prompts`, `file:///srv/prompts`). Throws TonearmError
 * `invalidPromptRule`.
 */
export function readPromptRules(entries: readonly string[], baseFolder: string): PromptRules {
  const folders: string[] = [];
  const reachable: Entry[] = [];
  for (const text of entries) {
    if (isFolder(text)) {
      folders.push(folderOf(text, baseFolder));
      continue;
    }
    const entry = readEntry(text);
    if (entry.kind === 'invalid') throw invalid(text, `${entry.why}; a folder is file:./prompts`);
    reachable.push(entry);
  }
  return { outbound: outboundRules('prompts.allow', reachable), folders, baseFolder };
}

/** The path of a `file:` URI, absolute or from the base folder; throws when there is none in it. */
export function pathOf(uri: string, baseFolder: string): string {
  const rest = uri.slice('file:'.length);
  return rest.startsWith('/') ? fileURLToPath(uri) : resolve(baseFolder, decodeURIComponent(rest));
}

function isFolder(entry: string): boolean {
  return /^file:./i.test(entry);
}

function folderOf(entry: string, baseFolder: string): string {
  try {
    return pathOf(entry, baseFolder);
  } catch (error) {
    throw invalid(entry, `its folder cannot be read (${reasonOf(error)})`);
  }
}

function invalid(entry: string, why: string): TonearmError<'invalidPromptRule'> {
  return new TonearmError('invalidPromptRule', `prompts.allow: "${entry}" cannot be used: ${why}.`);
}
