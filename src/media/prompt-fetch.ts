/**
 * Fetches a prompt as far as the rules let it. A bot chooses the URI, so it is a stranger's: every hop is asked about, and a
 * host that only a scheme allows is connected to at public addresses alone, looked at when connecting, not before.
 */
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../clock.ts';
import { reasonOf } from '../errors.ts';
import { type Resolve, readBody, sendRequest } from '../outbound/request.ts';
import { admitUrl } from '../outbound/rules.ts';
import { type Fetched, readPromptFile } from './prompt-file.ts';
import type { PromptRules } from './prompt-rules.ts';

export interface FetchLimits {
  readonly rules: PromptRules;
  /** For all of it: looking up, connecting, every hop, the last byte. */
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly clock: Clock;
  readonly resolve: Resolve;
}

const MAX_REDIRECTS = 3;
const HEADERS = { accept: 'audio/wav, audio/*;q=0.5' };
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Fetches the bytes behind a prompt's URI. Never rejects. */
export async function fetchPrompt(uri: string, limits: FetchLimits): Promise<Fetched> {
  const scheme = /^([a-z][a-z0-9+.-]*:)/i.exec(uri)?.[1]?.toLowerCase();
  if (scheme === 'file:') return readPromptFile(uri, limits.rules, limits.maxBytes);
  if ((scheme !== 'https:' && scheme !== 'http:') || !URL.canParse(uri))
    return { ok: false, message: 'it is not a URI that can be fetched: https:, http: and file: can' };
  const controller = new AbortController();
  const timer = limits.clock.after(limits.timeoutMs, () => controller.abort());
  try {
    return await follow(new URL(uri), limits, controller.signal);
  } catch (error) {
    if (controller.signal.aborted)
      return { ok: false, message: `it did not arrive within ${limits.timeoutMs / 1000} s` };
    return { ok: false, message: explain(error) };
  } finally {
    timer.cancel();
  }
}

async function follow(first: URL, limits: FetchLimits, signal: AbortSignal): Promise<Fetched> {
  const rules = limits.rules.outbound;
  let url = first;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const about = hop === 0 ? '' : `it was redirected to ${shortened(url)}: `;
    const admission = admitUrl(rules, url);
    if (!admission.ok) return { ok: false, message: about + admission.message };
    const { reach } = admission;
    const response = await sendRequest({ url, headers: HEADERS }, { ...limits, rules, reach }, signal);
    const location = response.headers.location;
    if (!REDIRECTS.has(response.statusCode ?? 0) || location === undefined)
      return receive(response, limits, about);
    response.destroy();
    if (!URL.canParse(location, url.href)) return { ok: false, message: `${about}it redirects to nowhere` };
    url = new URL(location, url);
    if (url.protocol !== 'https:' && url.protocol !== 'http:')
      return { ok: false, message: `it is redirected to ${url.protocol}, which is not followed` };
  }
  return { ok: false, message: `it is redirected more than ${MAX_REDIRECTS} times` };
}

async function receive(
  response: IncomingMessage,
  { maxBytes }: FetchLimits,
  about: string,
): Promise<Fetched> {
  const no = (message: string): Fetched => {
    response.destroy();
    return { ok: false, message: about + message };
  };
  if (response.statusCode !== 200) return no(`its server answered ${response.statusCode}`);
  const encoding = response.headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity')
    return no(`its server sent it compressed (${encoding}) without being asked to`);
  const bytes = await readBody(response, maxBytes);
  return bytes === undefined ? no(`it is longer than the limit of ${maxBytes} bytes`) : { ok: true, bytes };
}

/** In words, what kept it from arriving. */
function explain(error: unknown): string {
  const cause = error instanceof AggregateError ? (error.errors[0] ?? error) : error;
  const { code } = cause as NodeJS.ErrnoException;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'its host cannot be found';
  if (code === 'ECONNREFUSED') return 'its server refuses connections';
  if (code === 'ECONNRESET') return 'its server closed the connection before it was there in full';
  return `it cannot be fetched: ${reasonOf(cause)}`;
}

/** Without what may be secret in it: credentials and the query. */
function shortened(url: URL): string {
  return `${url.origin}${url.pathname}`.slice(0, 200);
}
