import { Trouble } from '../shell/trouble.tsx';
import { beginningOf, useCallTrace } from './call-trace.ts';
import { Timeline } from './timeline.tsx';

/** The timeline of a call, as it happens. `isBrief`: without SIP and requests. */
export function CallTimeline({ id, isBrief }: { readonly id: string; readonly isBrief: boolean }) {
  const { data, error } = useCallTrace(id);
  if (data === undefined)
    return error === undefined ? <p className="quiet">Asking …</p> : <Trouble words={error} />;
  const events = isBrief ? data.events.filter(({ kind }) => kind !== 'request') : data.events;
  return <Timeline events={events} from={beginningOf(data)} follows />;
}
