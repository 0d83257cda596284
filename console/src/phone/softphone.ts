import { UA, WebSocketInterface } from 'jssip';
import type { EndEvent, RTCSession } from 'jssip/lib/RTCSession';
import type { Session } from '../../../src/http/console/wire.ts';

/** What becomes of a call; the last is `ended`. */
export interface CallEvents {
  onRinging(): void;
  onTalking(): void;
  onRemote(stream: MediaStream): void;
  onEnded(why: string, isFailure: boolean): void;
}

/** A call that was placed. */
export interface PlacedCall {
  /** As in the SIP messages; `undefined` until the first one was sent. */
  sipCallId(): string | undefined;
  /** A telephone-event (RFC 4733). */
  press(key: string): void;
  mute(isMuted: boolean): void;
  /** Resolves when the far end agreed. */
  hold(isHeld: boolean): Promise<void>;
  hangUp(): void;
}

/** STUN servers that do not answer would hold the call up for longer. */
const GATHERING_MS = 2000;

/** Calls over the server's WebSocket. It stops the agent, not `microphone`, when the call ends. */
export function placeCall(
  webrtc: Session['webrtc'],
  target: string,
  microphone: MediaStream,
  events: CallEvents,
): PlacedCall {
  const agent = new UA({
    sockets: [new WebSocketInterface(webrtc.url)],
    uri: 'sip:console@console.invalid',
    display_name: 'Console',
    register: false,
    session_timers: false,
    user_agent: 'Tonearm console',
  });
  let session: RTCSession | undefined;
  let sipCallId: string | undefined;
  let isOver = false;
  const end = (why: string, isFailure: boolean) => {
    if (isOver) return;
    isOver = true;
    agent.stop();
    events.onEnded(why, isFailure);
  };

  agent.on('disconnected', ({ error }) => {
    if (error) end('The connection to the server was lost.', true);
  });
  agent.on('connected', () => {
    if (session !== undefined || isOver) return;
    session = agent.call(target, {
      mediaStream: microphone,
      pcConfig: { iceServers: webrtc.iceServers.map((server) => ({ ...server })) },
    });
    session.on('sending', ({ request }) => {
      sipCallId = (request as { readonly call_id?: string }).call_id;
    });
    session.on('icecandidate', ({ ready }) => void setTimeout(ready, GATHERING_MS));
    session.on('progress', events.onRinging);
    session.on('confirmed', events.onTalking);
    session.on('ended', (event) => end(endingOf(event), false));
    session.on('failed', (event) => end(failureOf(event), event.cause !== 'Canceled'));
    session.connection.addEventListener('track', ({ track }) => events.onRemote(new MediaStream([track])));
  });
  agent.start();

  return {
    sipCallId: () => sipCallId,
    press: (key) => session?.sendDTMF(key, { transportType: 'RFC2833' as never }),
    mute: (isMuted) => (isMuted ? session?.mute({ audio: true }) : session?.unmute({ audio: true })),
    hold: (isHeld) =>
      new Promise((resolve) => {
        const isAsked = isHeld ? session?.hold({}, resolve) : session?.unhold({}, resolve);
        if (isAsked !== true) resolve();
      }),
    hangUp: () => {
      if (session?.isEnded() === false) session.terminate();
      end('You hung up.', false);
    },
  };
}

function endingOf({ originator, cause }: EndEvent): string {
  if (cause !== 'Terminated') return `The call ended: ${cause}.`;
  return originator === 'local' ? 'You hung up.' : 'The far end hung up.';
}

const FAILURES: Readonly<Record<string, string>> = {
  Busy: 'The far end is busy.',
  Rejected: 'The call was rejected.',
  Canceled: 'You hung up.',
  'Not Found': 'Nobody is to be reached there: no application takes this number.',
  Unavailable: 'Nobody answered.',
  'No Answer': 'Nobody answered.',
  'Connection Error': 'The connection to the server was lost.',
  'Request Timeout': 'The server did not answer.',
  'Incompatible SDP': 'The far end takes no call of this kind.',
  'WebRTC Error': 'This browser could not set the call up.',
  'Bad Media Description': 'The far end’s answer could not be used.',
};

function failureOf({ cause, message }: EndEvent): string {
  const status = (message as { readonly status_code?: number } | null)?.status_code;
  return `${FAILURES[cause] ?? `The call failed: ${cause}.`}${status === undefined ? '' : ` (SIP ${status})`}`;
}
