/** Request bodies of the app dialect (CONTRACT §2, §3). A member's `description` is its rule, as errors tell it: "it must be …". */
import Type, { type Static } from 'typebox';

const GUIDS_AND_NAMES = Type.String({
  minLength: 1,
  maxLength: 1024,
  description: 'a text of 1 to 1024 characters',
});

const uri = Type.String({
  pattern: '^[A-Za-z][A-Za-z0-9+.-]*:\\S+$',
  maxLength: 4096,
  description: 'an absolute URI of at most 4096 characters',
});

const callbackUri = Type.Optional(
  Type.String({
    pattern: '^[Hh][Tt][Tt][Pp][Ss]?://\\S+$',
    maxLength: 4096,
    description: 'an absolute http: or https: URL',
  }),
);

const MediaInfo = Type.Object(
  { uri, resourceId: Type.Optional(GUIDS_AND_NAMES) },
  { description: 'an object with a uri' },
);

const MediaPrompt = Type.Object(
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

// Any number of them (CONTRACT §1): the longest body is the limit.
const prompts = Type.Array(MediaPrompt, { description: 'a list of mediaPrompts' });

const clientContext = Type.Optional(
  Type.String({ maxLength: 256, description: 'a text of at most 256 characters' }),
);

const flag = (fallback: boolean) => Type.Boolean({ default: fallback, description: 'true or false' });

const seconds = (max: number) =>
  Type.Integer({
    minimum: 1,
    maximum: max,
    default: 5,
    description: `a whole number of seconds from 1 to ${max}`,
  });

export const RecordBody = Type.Object({
  prompts: Type.Optional(prompts),
  bargeInAllowed: flag(false),
  initialSilenceTimeoutInSeconds: seconds(300),
  maxSilenceTimeoutInSeconds: seconds(300),
  maxRecordDurationInSeconds: seconds(1800),
  recordingFormat: Type.String({
    pattern: '^[Ww][Aa][Vv]$',
    default: 'wav',
    description: 'wav: other formats are not served yet',
  }),
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

export const PlayPromptBody = Type.Object({
  prompts: Type.Array(MediaPrompt, {
    minItems: 1,
    description: 'a list of one or more mediaPrompts',
  }),
  bargeInAllowed: flag(false),
  clientContext,
});

export const CancelBody = Type.Object({ all: flag(false), clientContext });

export const AnswerBody = Type.Object({
  callbackUri,
  acceptedModalities: Type.Optional(
    Type.Array(Type.String({ description: 'a text such as audio' }), { description: 'a list of modalities' }),
  ),
  mediaConfig: Type.Optional(
    Type.Object(
      {
        '@odata.type': Type.Optional(
          Type.String({ description: '#microsoft.graph.serviceHostedMediaConfig' }),
        ),
        preFetchMedia: Type.Optional(
          Type.Array(MediaInfo, { maxItems: 100, description: 'a list of at most 100 mediaInfos' }),
        ),
      },
      { description: 'a serviceHostedMediaConfig' },
    ),
  ),
});

export const RejectBody = Type.Object({
  reason: Type.Union([Type.Literal('none'), Type.Literal('busy'), Type.Literal('forbidden')], {
    default: 'none',
    description: 'none, busy or forbidden',
  }),
  callbackUri,
});

export type RecordBody = Static<typeof RecordBody>;
export type PlayPromptBody = Static<typeof PlayPromptBody>;
export type CancelBody = Static<typeof CancelBody>;
export type AnswerBody = Static<typeof AnswerBody>;
export type RejectBody = Static<typeof RejectBody>;
