import type { Heard } from '../../media/line.ts';
import type { TraceFeed } from './traces.ts';

/** Who hears what the line of a call hears, if its events are kept; the engine asks when it opens the line. */
export function traceHearing(traces: TraceFeed): (callId: string) => ((heard: Heard) => void) | undefined {
  return (callId) =>
    traces.wants(callId)
      ? (heard) => traces.add(callId, () => ({ detail: { kind: 'heard', ...heard } }))
      : undefined;
}
