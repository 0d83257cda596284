/** What a prompt's URI may reach: the entries of the setting `prompts.allow`, read and asked. */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { reasonOf, TonearmError } from '../errors.ts';

export interface PromptRules {
  /** `https:`, `http:`: any public host. */
  readonly schemes: ReadonlySet<string>;
  /** Places that an entry names, wherever they are: on loopback or a private network too. */
  readonly places: readonly URL[];
  /** Absolute paths. */
  readonly folders: readonly string[];
  /** What relative `file:` URIs start from. */
  readonly baseFolder: string;
}

/** `anyAddress`: an entry names the host, so it may have a private address. */
export type Admission =
  | { readonly ok: true; readonly anyAddress: boolean }
  | { readonly ok: false; readonly message: string };

/**
 * Reads the entries: a scheme (`https:`), an origin or the beginning of a URL (`http://127.0.0.1:9000/prompts/`), or a folder
 * (`file:./prompts`, `file:///srv/prompts`). Throws TonearmError `invalidPromptRule`.
 */
export function readPromptRules(entries: readonly string[], baseFolder: string): PromptRules {
  const schemes = new Set<string>();
  const places: URL[] = [];
  const folders: string[] = [];
  for (const entry of entries) {
    if (entry === 'https:' || entry === 'http:') schemes.add(entry);
    else if (/^file:./i.test(entry)) folders.push(folderOf(entry, baseFolder));
    else if (/^https?:\/\//i.test(entry)) places.push(placeOf(entry));
    else
      throw invalid(
        entry,
        'it is neither a scheme (https:, http:), nor a URL, nor a folder (file:./prompts)',
      );
  }
  return { schemes, places, folders, baseFolder };
}

/** Whether an `https:` or `http:` URL may be fetched. */
export function admitUrl(rules: PromptRules, url: URL): Admission {
  if (rules.places.some((place) => isWithin(url, place))) return { ok: true, anyAddress: true };
  if (rules.schemes.has(url.protocol)) return { ok: true, anyAddress: false };
  return {
    ok: false,
    message: `it is not allowed here: prompts.allow lists neither "${url.protocol}" nor "${url.origin}/"`,
  };
}

/** The path of a `file:` URI, absolute or from the base folder; throws when there is none in it. */
export function pathOf(uri: string, baseFolder: string): string {
  const rest = uri.slice('file:'.length);
  return rest.startsWith('/') ? fileURLToPath(uri) : resolve(baseFolder, decodeURIComponent(rest));
}

function folderOf(entry: string, baseFolder: string): string {
  try {
    return pathOf(entry, baseFolder);
  } catch (error) {
    throw invalid(entry, `its folder cannot be read (${reasonOf(error)})`);
  }
}

function placeOf(entry: string): URL {
  if (!URL.canParse(entry)) throw invalid(entry, 'it is not a URL');
  const place = new URL(entry);
  if (place.search !== '' || place.hash !== '' || place.username !== '')
    throw invalid(entry, 'only a scheme, a host, a port and the beginning of a path can be named');
  return place;
}

function invalid(entry: string, why: string): TonearmError<'invalidPromptRule'> {
  return new TonearmError('invalidPromptRule', `prompts.allow: "${entry}" cannot be used: ${why}.`);
}

function isWithin(url: URL, place: URL): boolean {
  if (url.origin !== place.origin) return false;
  if (place.pathname === '/') return true;
  // An encoded slash or backslash may mean a step out of the folder to the server behind it.
  if (/%2f|%5c/i.test(url.pathname)) return false;
  const folder = place.pathname.endsWith('/') ? place.pathname : `${place.pathname}/`;
  return url.pathname === place.pathname || url.pathname.startsWith(folder);
}
