/** What a bot may ask for in a case, and of whom. */
import type { Asked } from '../call-stage.ts';

export const PROMPTS = [{ uri: 'https://bot/hello.wav', resourceId: undefined, times: 1 }];
const CAROL = { kind: 'user', id: 'sip:carol@phones.example', displayName: undefined } as const;
export const ANSWER: Asked = { name: 'answer' };
/** The call is answered when the prompts are there. */
export const ANSWER_PREPARED: Asked = { name: 'answer', preFetch: PROMPTS };
export const TRANSFER: Asked = { name: 'transfer', target: CAROL };
export const HANG_UP: Asked = { name: 'hangUp' };

/** All but those that are about audio. */
export const CONTROLS: readonly Asked[] = [
  ANSWER,
  ANSWER_PREPARED,
  TRANSFER,
  HANG_UP,
  { name: 'cancelMedia' },
  { name: 'subscribeToTone' },
  { name: 'mute' },
  { name: 'unmute' },
  { name: 'redirect', targets: [CAROL] },
  { name: 'reject', reason: 'busy' },
  { name: 'get' },
  { name: 'listOperations' },
];
