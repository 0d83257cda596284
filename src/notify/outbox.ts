/**
 * The outbox: notifications that must reach a bot, in order within a lane, whatever happens to this process.
 * Bodies are opaque here. notifier.ts delivers; sqlite-outbox.ts keeps.
 */
export interface NewNotification {
  /** One call: its notifications are delivered one at a time, in order. */
  readonly lane: string;
  /** Appending the same key to a lane twice keeps the first: what a restart may repeat is not sent twice. */
  readonly key: string;
  readonly target: string;
  /** For the token's `aud` and `tid`. */
  readonly applicationId: string;
  readonly tenantId: string;
  /** JSON text. */
  readonly body: string;
  /** Sent as they are, e.g. Scenario-Id. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface StoredNotification extends NewNotification {
  /** GUID, the same on every retry: header `tonearm-notification-id`. */
  readonly id: string;
  /** 1, 2, 3 … within the lane: header `tonearm-sequence`. */
  readonly sequence: number;
  readonly createdAt: number;
  readonly attempts: number;
  readonly state: 'pending' | 'delivered' | 'undelivered';
  /** What the last attempt met: a status or an error. */
  readonly lastError: string | undefined;
}

export interface Page {
  readonly skip: number;
  readonly top: number;
}

export interface Undelivered {
  readonly total: number;
  readonly page: readonly StoredNotification[];
}

export interface Notifier {
  /** Durable when it resolves; delivery goes on in the background. */
  append(notification: NewNotification): Promise<void>;
  /** What the retries gave up on, oldest first: so many of it from `skip` on, and how much there is. `undefined`: of every application. */
  undelivered(applicationId: string | undefined, page: Page): Promise<Undelivered>;
  /** Tries one again. `false` when there is no such undelivered notification of the application; `undefined`: of any. */
  resend(applicationId: string | undefined, id: string): Promise<boolean>;
  /** How much there is of either; what waits for a disk that refuses it is left out. */
  counts(): { readonly pending: number; readonly undelivered: number };
  /** Resolves when nothing of this lane is pending any more. For draining and tests. */
  settled(lane: string): Promise<void>;
  /** Ends deliveries; what is pending stays in the outbox for the next start. */
  close(): Promise<void>;
}
