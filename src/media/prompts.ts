/** The prompt library: fetches, decodes, brings to 8 kHz, keeps. */
import { lookup } from 'node:dns/promises';
import type { Clock } from '../clock.ts';
import { reasonOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { type Resolve, sharedResolve } from '../outbound/request.ts';
import { promptCache } from './prompt-cache.ts';
import { decodePrompt } from './prompt-decode.ts';
import { type FetchLimits, fetchPrompt } from './prompt-fetch.ts';
import type { PromptAudio, PromptLibrary } from './prompt-library.ts';
import { readPromptRules } from './prompt-rules.ts';
import { promptTurns } from './prompt-turns.ts';

export interface PromptOptions {
  /** Entries of `prompts.allow`: see `readPromptRules`. */
  readonly allow: readonly string[];
  /** What relative `file:` entries and URIs start from: the folder of the config file. Default: the working folder. */
  readonly baseFolder?: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
  /** For fetching one prompt. Default 10 s. */
  readonly timeoutMs?: number | undefined;
  /** Of one prompt's file. Default 20 MB. */
  readonly maxBytes?: number | undefined;
  /** Of what is kept, decoded. Default 256 MB. */
  readonly cacheBytes?: number | undefined;
  /** At 16 kHz as well, for lines that carry as much. Default: no. */
  readonly wide?: boolean | undefined;
  /** Default: the system's resolver. */
  readonly resolve?: Resolve | undefined;
}

/** Prompts that are fetched and decoded. A host that takes its time lets none of another application wait. */
const TURNS = { atOnce: 16, ofHost: 1000, atOnceOfApplication: 64, ofApplication: 4000 };

/** Makes a prompt library. Throws TonearmError `invalidPromptRule`. */
export function createPrompts(options: PromptOptions): PromptLibrary {
  const limits = {
    rules: readPromptRules(options.allow, options.baseFolder ?? process.cwd()),
    timeoutMs: options.timeoutMs ?? 10_000,
    maxBytes: options.maxBytes ?? 20_000_000,
    clock: options.clock,
    resolve: sharedResolve(options.resolve ?? ((host: string) => lookup(host, { all: true }))),
    wide: options.wide ?? false,
  };
  const kept = promptCache(options.cacheBytes ?? 256_000_000);
  const inTurn = promptTurns(TURNS);
  const underWay = new Map<string, Promise<PromptAudio>>();

  async function load(applicationId: string, uri: string, keepAs: string | undefined): Promise<PromptAudio> {
    const audio = await inTurn(applicationId, uri, () => fetchAndDecode(uri, limits));
    if ('tooMany' in audio) {
      const message = `the prompt ${shown(uri)}: ${audio.tooMany}`;
      options.log.warn({ applicationId, reason: message }, 'a prompt was not fetched: too many wait');
      return { ok: false, why: 'unavailable', message };
    }
    if (!audio.ok) options.log.info({ why: audio.why, reason: audio.message }, 'prompt failed');
    else if (keepAs !== undefined) kept.set(keepAs, audio);
    return audio;
  }

  return {
    get({ uri, resourceId }, applicationId) {
      // The URI belongs to the key: two bots may well call different prompts "greeting".
      const key = JSON.stringify([uri, resourceId ?? null]);
      const prompt = kept.get(key);
      if (prompt !== undefined) return Promise.resolve({ ...prompt, ok: true });
      // Each application waits in its own queue.
      const task = `${applicationId} ${key}`;
      const begun = underWay.get(task);
      if (begun !== undefined) return begun;
      const keepAs = resourceId === undefined ? undefined : key;
      const loading = load(applicationId, uri, keepAs).finally(() => underWay.delete(task));
      underWay.set(task, loading);
      return loading;
    },
  };
}

async function fetchAndDecode(
  uri: string,
  limits: FetchLimits & { readonly wide: boolean },
): Promise<PromptAudio> {
  const about = `the prompt ${shown(uri)}: `;
  try {
    const fetched = await fetchPrompt(uri, limits);
    if (!fetched.ok) return { ok: false, why: 'unavailable', message: about + fetched.message };
    const decoded = await decodePrompt(fetched.bytes, limits.wide);
    return decoded.ok ? decoded : { ok: false, why: 'undecodable', message: about + decoded.reason };
  } catch (error) {
    return { ok: false, why: 'unavailable', message: about + reasonOf(error) };
  }
}

/** A URI without what may be secret in it: credentials and the query. */
function shown(uri: string): string {
  return uri
    .replace(/[?#].*$/s, '')
    .replace(/\/\/[^/]*@/, '//')
    .slice(0, 200);
}
