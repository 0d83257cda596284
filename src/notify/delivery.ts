/** One attempt to deliver one notification over HTTP. */
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../clock.ts';
import { reasonOf } from '../errors.ts';
import type { CallbackRules } from '../outbound/callbacks.ts';
import type { Connections } from '../outbound/connections.ts';
import { type Resolve, sendRequest } from '../outbound/request.ts';
import type { StoredNotification } from './outbox.ts';
import { retryAfterMs } from './retry-schedule.ts';

export type Attempt =
  | { readonly outcome: 'received'; readonly status?: number }
  | {
      readonly outcome: 'failed';
      readonly error: string;
      readonly retryAfterMs: number;
      /** `undefined`: there was no answer. */
      readonly status?: number;
    }
  /** No attempt will ever do: not worth a retry. */
  | { readonly outcome: 'refused'; readonly error: string }
  /** Broken off from our side: counts for nothing. */
  | { readonly outcome: 'aborted' };

export interface DeliveryOptions {
  readonly clock: Clock;
  /** Gives the JWT of each attempt. */
  readonly authorize: (who: { readonly applicationId: string; readonly tenantId: string }) => Promise<string>;
  readonly callbacks: CallbackRules;
  /** Where an application is told of incoming calls, as the operator configured it. */
  readonly callbackOf: (applicationId: string) => string | undefined;
  readonly connections: Connections;
  readonly resolve: Resolve;
  /** From asking for the token to the status line. */
  readonly attemptTimeoutMs: number;
}

/** What of an answer is read, and waited for, so that the connection can serve again; more is cut off. */
const DRAIN_BYTES = 16_384;
const DRAIN_MS = 1000;

/** Never rejects. Redirects are not followed (the token is for the configured target), answers are thrown away. */
export async function deliver(
  notification: StoredNotification,
  options: DeliveryOptions,
  signal: AbortSignal,
): Promise<Attempt> {
  const { target, applicationId } = notification;
  const admission = options.callbacks.admit(target, options.callbackOf(applicationId));
  if (!admission.ok) return { outcome: 'refused', error: `the callback can't be told: ${admission.message}` };

  const over = new AbortController();
  const within = AbortSignal.any([signal, over.signal]);
  const timeOut = options.clock.after(options.attemptTimeoutMs, () => over.abort());
  try {
    const token = await until(options.authorize(notification), within);
    const url = new URL(target);
    const { reach } = admission;
    const response = await sendRequest(
      {
        url,
        method: 'POST',
        headers: {
          ...notification.headers,
          'content-type': 'application/json',
          authorization: `Bearer ${token}`,
          'tonearm-sequence': String(notification.sequence),
          'tonearm-notification-id': notification.id,
        },
        body: notification.body,
        agent: options.connections.agentFor(url, reach),
      },
      { rules: options.callbacks.rules, reach, resolve: options.resolve },
      within,
    );
    await drain(response, options.clock);
    const { statusCode = 0, headers } = response;
    if (statusCode >= 200 && statusCode < 300) return { outcome: 'received', status: statusCode };
    return {
      outcome: 'failed',
      status: statusCode,
      error: `answered ${statusCode}`,
      retryAfterMs: retryAfterMs(headers['retry-after'] ?? null, options.clock.now()),
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

/** The status has come: whatever happens to the rest of the answer does not matter. */
function drain(response: IncomingMessage, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const enough = clock.after(DRAIN_MS, () => response.destroy());
    let read = 0;
    response.on('data', (chunk: Uint8Array) => {
      read += chunk.length;
      if (read > DRAIN_BYTES) response.destroy();
    });
    // The connection may be gone with it.
    response.on('error', () => {});
    const settle = () => {
      enough.cancel();
      resolve();
    };
    response.once('end', settle).once('close', settle);
  });
}

function until<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

function rootReason(thrown: unknown): string {
  const text = reasonOf(thrown);
  if (text !== '') return text;
  // An AggregateError of connection attempts has a code and no message.
  return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'failed';
}
