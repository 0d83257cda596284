/** One attempt to deliver one notification over HTTP. */
import type { Clock } from '../clock.ts';
import { reasonOf } from '../errors.ts';
import type { StoredNotification } from './outbox.ts';
import { retryAfterMs } from './retry-schedule.ts';

export type Attempt =
  | { readonly outcome: 'received' }
  | { readonly outcome: 'failed'; readonly error: string; readonly retryAfterMs: number }
  /** No attempt will ever do: not worth a retry. */
  | { readonly outcome: 'refused'; readonly error: string }
  /** Broken off from our side: counts for nothing. */
  | { readonly outcome: 'aborted' };

export interface DeliveryOptions {
  readonly clock: Clock;
  /** Gives the JWT of each attempt. */
  readonly authorize: (who: { readonly applicationId: string; readonly tenantId: string }) => Promise<string>;
  /** Whether `http:` targets are allowed beside `https:`. */
  readonly allowHttp: boolean;
  /** From asking for the token to the status line. */
  readonly attemptTimeoutMs: number;
}

/** Longest answer that is read to its end so that the connection can serve again; more is cut off. */
const DRAIN_BYTES = 16_384;

/** Never rejects. Redirects are not followed (the token is for the configured target), answers are thrown away. */
export async function deliver(
  notification: StoredNotification,
  options: DeliveryOptions,
  signal: AbortSignal,
): Promise<Attempt> {
  const refusal = refuse(notification.target, options.allowHttp);
  if (refusal !== undefined) return { outcome: 'refused', error: refusal };

  const over = new AbortController();
  const within = AbortSignal.any([signal, over.signal]);
  const timeOut = options.clock.after(options.attemptTimeoutMs, () => over.abort());
  try {
    const token = await until(options.authorize(notification), within);
    const response = await fetch(notification.target, {
      method: 'POST',
      redirect: 'manual',
      signal: within,
      headers: {
        ...notification.headers,
        'content-type': 'application/json',
        authorization: `Bearer ${token}`,
        'tonearm-sequence': String(notification.sequence),
        'tonearm-notification-id': notification.id,
      },
      body: notification.body,
    });
    await drain(response, within);
    if (response.ok) return { outcome: 'received' };
    return {
      outcome: 'failed',
      error: `answered ${response.status}`,
      retryAfterMs: retryAfterMs(response.headers.get('retry-after'), options.clock.now()),
    };
  } catch (thrown) {
    if (signal.aborted) return { outcome: 'aborted' };
    const error = over.signal.aborted
      ? `no answer within ${options.attemptTimeoutMs / 1000} s`
      : rootReason(thrown);
    return { outcome: 'failed', error, retryAfterMs: 0 };
  } finally {
    timeOut.cancel();
  }
}

function refuse(target: string, allowHttp: boolean): string | undefined {
  const scheme = URL.parse(target)?.protocol;
  if (scheme === 'https:' || (scheme === 'http:' && allowHttp)) return undefined;
  if (scheme === 'http:') return 'the callback is http: and only https: is allowed (callbacks.allowHttp)';
  return 'the callback is not an https: URL';
}

/** The status has come: whatever happens to the rest of the answer does not matter. */
async function drain(response: Response, signal: AbortSignal): Promise<void> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  try {
    for (let read = 0; read <= DRAIN_BYTES && !signal.aborted; ) {
      const { done, value } = await reader.read();
      if (done) return;
      read += value.byteLength;
    }
    await reader.cancel();
  } catch {
    // The connection is gone with it.
  }
}

function until<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** `fetch` hides why it failed behind "fetch failed". */
function rootReason(thrown: unknown): string {
  let reason = thrown;
  while (reason instanceof Error && reason.cause !== undefined) reason = reason.cause;
  const text = reasonOf(reason);
  if (text !== '') return text;
  // An AggregateError of connection attempts has a code and no message.
  return reason instanceof Error && 'code' in reason ? String(reason.code) : 'failed';
}
