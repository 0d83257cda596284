/**
 * Request bodies of what is done with a call's audio (CONTRACT §1, §3). A member's `description` is its rule, as errors tell it:
 * "it must be …".
 */
import Type, { type Static } from 'typebox';

const resourceId = Type.Optional(
  Type.String({ minLength: 1, maxLength: 1024, description: 'a text of 1 to 1024 characters' }),
);

const uri = Type.String({
  pattern: '^[A-Za-z][A-Za-z0-9+.-]*:\\S+$',
  maxLength: 4096,
  description: 'an absolute URI of at most 4096 characters',
});

/** Where audio is. */
export const MediaInfo = Type.Object({ uri, resourceId }, { description: 'an object with a uri' });

/** `loop` as the app dialect has it: 0 is for ever. */
export const LoopedPrompt = Type.Object(
  {
    mediaInfo: MediaInfo,
    loop: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 2_147_483_647,
        description: 'a whole number: how often it is played, 0 for ever',
      }),
    ),
  },
  { description: 'a mediaPrompt, with a mediaInfo' },
);

/** Without `loop`: whatever stands there is ignored. */
export const PlainPrompt = Type.Object(
  { mediaInfo: MediaInfo },
  { description: 'a mediaPrompt, with a mediaInfo' },
);

const clientContext = Type.Optional(
  Type.String({ maxLength: 256, description: 'a text of at most 256 characters' }),
);

/** A Boolean that may be left out. */
export const flag = (fallback: boolean) => Type.Boolean({ default: fallback, description: 'true or false' });

const speechSensitivity = Type.Optional(
  Type.Union([Type.Literal('low'), Type.Literal('normal'), Type.Literal('high')], {
    description: 'low, normal or high: how readily speech is heard',
  }),
);

const seconds = (max: number) =>
  Type.Integer({
    minimum: 1,
    maximum: max,
    default: 5,
    description: `a whole number of seconds from 1 to ${max}`,
  });

/** Any number of prompts when `most` is infinite (CONTRACT §1): the longest body is the limit then. */
function promptList<Prompt extends typeof LoopedPrompt | typeof PlainPrompt>(
  prompt: Prompt,
  { least = 0, most }: { readonly least?: number; readonly most: number },
) {
  const bounds = {
    ...(least > 0 && { minItems: least }),
    ...(Number.isFinite(most) && { maxItems: most }),
  };
  const count = [least > 0 && 'one or more', Number.isFinite(most) && `at most ${most}`].filter(Boolean);
  const description = `a list of ${[count.join(', '), 'mediaPrompts'].filter(Boolean).join(' ')}`;
  return Type.Array(prompt, { ...bounds, description });
}

/** What a dialect allows of a record. */
export interface RecordLimits<Prompt> {
  readonly prompt: Prompt;
  readonly mostPrompts: number;
  readonly silenceSeconds: number;
  readonly durationSeconds: number;
}

/** Of `record` and `recordResponse`. */
export function recordBody<Prompt extends typeof LoopedPrompt | typeof PlainPrompt>({
  prompt,
  mostPrompts,
  silenceSeconds,
  durationSeconds,
}: RecordLimits<Prompt>) {
  return Type.Object({
    prompts: Type.Optional(promptList(prompt, { most: mostPrompts })),
    bargeInAllowed: flag(false),
    speechSensitivity,
    initialSilenceTimeoutInSeconds: seconds(silenceSeconds),
    maxSilenceTimeoutInSeconds: seconds(silenceSeconds),
    maxRecordDurationInSeconds: seconds(durationSeconds),
    recordingFormat: Type.String({
      pattern: '^([Ww][Aa][Vv]|[Mm][Pp]3|[Ff][Ll][Aa][Cc]|[Oo][Gg][Gg])$',
      default: 'wav',
      description: 'wav, mp3, flac or ogg (Opus), in capitals or not',
    }),
    recordingChannels: Type.Union([Type.Literal('mono'), Type.Literal('dual')], {
      default: 'mono',
      description: 'mono (the caller), or dual (the caller left, what the caller heard right)',
    }),
    trimSilence: flag(false),
    playBeep: flag(true),
    streamWhileRecording: flag(false),
    stopTones: Type.Array(
      Type.String({
        pattern: '^[0-9*#A-Da-d]+$',
        maxLength: 32,
        description: 'one or more keys of 0-9 * # A-D, at most 32',
      }),
      { default: [], maxItems: 64, description: 'a list of at most 64 stop tones' },
    ),
    clientContext,
  });
}

/** Of `playPrompt`; `loop` of the action is the communications dialect's to add. */
export function playPromptBody<Prompt extends typeof LoopedPrompt | typeof PlainPrompt>(
  prompt: Prompt,
  mostPrompts: number,
) {
  return Type.Object({
    prompts: promptList(prompt, { least: 1, most: mostPrompts }),
    bargeInAllowed: flag(false),
    speechSensitivity,
    clientContext,
  });
}

/** Of `cancelMediaProcessing`; `all` changes nothing: all is what it cancels. */
export const CancelBody = Type.Object({ all: flag(false), clientContext });

/** Of subscribeToTone, mute and unmute. */
export const ContextBody = Type.Object({ clientContext });

/** As either dialect has it. */
export type RecordBody = Static<ReturnType<typeof recordBody<typeof LoopedPrompt>>>;
/** As either dialect has it; `loop` in the communications dialect only. */
export type PlayPromptBody = Static<ReturnType<typeof playPromptBody<typeof LoopedPrompt>>> & {
  readonly loop?: boolean;
};
/** Of whatever has nothing else to say. */
export type ContextBody = Static<typeof ContextBody>;
