import type { Session } from '../../../src/http/console/wire.ts';
import { openMicrophone, silence } from './microphone.ts';
import type { PlacedCall } from './softphone.ts';

/** What the phone is doing. */
export type PhoneState =
  | { readonly phase: 'idle'; readonly ended?: Ended }
  | ({ readonly phase: 'microphone' | 'connecting' | 'ringing' } & Dialled)
  | ({
      readonly phase: 'talking';
      readonly since: number;
      readonly isMuted: boolean;
      readonly isHeld: boolean;
      /** Keys pressed so far. */
      readonly keys: string;
    } & Dialled);

export interface Dialled {
  readonly target: string;
  /** As one would say whom it calls. */
  readonly name: string;
  readonly applicationId?: string;
  /** When it was dialled. */
  readonly at: number;
}

/** How the last call ended. */
export interface Ended extends Dialled {
  readonly why: string;
  readonly isFailure: boolean;
  /** It failed for want of a microphone. */
  readonly isMicrophone: boolean;
}

/** The one phone of the page: its call goes on whatever part of the page is shown. */
export interface Phone {
  state(): PhoneState;
  /** Returns what ends the listening. */
  onChange(hear: () => void): () => void;
  call(dialled: Omit<Dialled, 'at'>, microphone: 'processed' | 'raw' | 'none'): void;
  press(key: string): void;
  toggleMute(): void;
  toggleHold(): void;
  hangUp(): void;
  /** Of the SIP messages. */
  sipCallId(): string | undefined;
  /** What is said and heard, while there is a call. */
  streams(): { readonly said?: MediaStream; readonly heard?: MediaStream };
  /** For the meters. */
  audio(): AudioContext | undefined;
}

export function createPhone(webrtc: Session['webrtc']): Phone {
  let state: PhoneState = { phase: 'idle' };
  let placed: PlacedCall | undefined;
  let said: MediaStream | undefined;
  let heard: MediaStream | undefined;
  let context: AudioContext | undefined;
  const player = new Audio();
  const hearers = new Set<() => void>();
  const become = (next: PhoneState) => {
    state = next;
    for (const hear of hearers) hear();
  };
  const change = (members: {
    readonly isMuted?: boolean;
    readonly isHeld?: boolean;
    readonly keys?: string;
  }) => {
    if (state.phase === 'talking') become({ ...state, ...members });
  };
  const end = (dialled: Dialled, why: string, isFailure: boolean, isMicrophone = false) => {
    stop(said);
    player.srcObject = null;
    void context?.close();
    [placed, said, heard, context] = [undefined, undefined, undefined, undefined];
    become({ phase: 'idle', ended: { ...dialled, why, isFailure, isMicrophone } });
  };

  const call = async (dialled: Dialled, microphone: 'processed' | 'raw' | 'none') => {
    // Made by a click, so that it may play.
    context = new AudioContext();
    become({ phase: 'microphone', ...dialled });
    const [opened, { placeCall }] = await Promise.all([
      microphone === 'none' ? { stream: silence(context) } : openMicrophone(microphone === 'processed'),
      import('./softphone.ts'),
    ]);
    // Nobody may want it any more.
    if (state.phase !== 'microphone' || state.at !== dialled.at)
      return 'stream' in opened && stop(opened.stream);
    if ('refusal' in opened) return end(dialled, opened.refusal, true, true);
    said = opened.stream;
    become({ phase: 'connecting', ...dialled });
    placed = placeCall(webrtc, dialled.target, said, {
      onRinging: () => become({ phase: 'ringing', ...dialled }),
      onTalking: () =>
        become({ phase: 'talking', since: Date.now(), isMuted: false, isHeld: false, keys: '', ...dialled }),
      onRemote: (stream) => {
        heard = stream;
        player.srcObject = stream;
        player.play().catch(() => {});
        // Whoever shows its level looks again.
        become({ ...state });
      },
      onEnded: (why, isFailure) => end(dialled, why, isFailure),
    });
  };
  const hangUp = () => {
    if (state.phase === 'idle') return;
    if (placed !== undefined) placed.hangUp();
    else end(state, 'You hung up.', false);
  };
  // The far end need not wait for a page that is gone.
  addEventListener('pagehide', hangUp);

  return {
    state: () => state,
    onChange(hear) {
      hearers.add(hear);
      return () => hearers.delete(hear);
    },
    call(dialled, microphone) {
      if (state.phase !== 'idle') return;
      const whole = { ...dialled, at: Date.now() };
      call(whole, microphone).catch((thrown) =>
        end(
          whole,
          `The call could not be placed: ${thrown instanceof Error ? thrown.message : thrown}`,
          true,
        ),
      );
    },
    press(key) {
      if (state.phase !== 'talking') return;
      placed?.press(key);
      change({ keys: state.keys + key });
    },
    toggleMute() {
      if (state.phase !== 'talking') return;
      placed?.mute(!state.isMuted);
      change({ isMuted: !state.isMuted });
    },
    toggleHold() {
      if (state.phase !== 'talking') return;
      const isHeld = !state.isHeld;
      placed?.hold(isHeld).then(() => change({ isHeld }));
    },
    hangUp,
    sipCallId: () => placed?.sipCallId(),
    streams: () => ({ ...(said && { said }), ...(heard && { heard }) }),
    audio: () => context,
  };
}

function stop(stream: MediaStream | undefined): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
}
