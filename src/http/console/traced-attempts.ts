/** Attempts to deliver notifications as the console shows them. */
import type { AttemptMade } from '../../notify/notifier.ts';
import { maskedUrl } from '../../outbound/masked-url.ts';
import { shownJson } from './shown-json.ts';
import type { Happened, TraceFeed } from './traces.ts';

/** What the notifier tells of its attempts becomes events of their calls. */
export function traceAttempts(traces: TraceFeed): (made: AttemptMade) => void {
  return (made) => traces.add(made.notification.lane, () => attemptHappened(made));
}

function attemptHappened(made: AttemptMade): Happened {
  const { notification, attempt, status, error, ms, nextAttemptInMs } = made;
  return {
    detail: {
      kind: 'notification',
      id: notification.id,
      number: notification.sequence,
      attempt,
      target: maskedUrl(notification.target),
      body: shownJson(notification.body),
      ...(status !== undefined && { status }),
      ms: Math.round(ms),
      ...(nextAttemptInMs !== undefined && { nextAttemptInMs }),
    },
    error,
  };
}
