/** Request bodies of what is done with a call (CONTRACT §2). A member's `description` is its rule, as errors tell it: "it must be …". */
import Type, { type Static } from 'typebox';
import { flag, MediaInfo } from './media-schemas.ts';

const uri = Type.String({
  pattern: '^[Hh][Tt][Tt][Pp][Ss]?://\\S+$',
  maxLength: 4096,
  description: 'an absolute http: or https: URL',
});

const callbackUri = Type.Optional(uri);

const modalities = Type.Optional(
  Type.Array(Type.String({ description: 'a text such as audio' }), { description: 'a list of modalities' }),
);

const mediaConfig = Type.Optional(
  Type.Object(
    {
      '@odata.type': Type.Optional(Type.String({ description: '#microsoft.graph.serviceHostedMediaConfig' })),
      preFetchMedia: Type.Optional(
        Type.Array(MediaInfo, { maxItems: 100, description: 'a list of at most 100 mediaInfos' }),
      ),
    },
    { description: 'a serviceHostedMediaConfig' },
  ),
);

const Identity = Type.Object(
  {
    id: Type.Optional(
      Type.String({ minLength: 1, maxLength: 1024, description: 'a text of 1 to 1024 characters' }),
    ),
    displayName: Type.Optional(
      Type.String({ maxLength: 256, description: 'a text of at most 256 characters' }),
    ),
  },
  { description: 'an identity, with an id' },
);

/** participantInfo and invitationParticipantInfo alike. Of the identities that Graph has, these two can be called. */
const Participant = Type.Object(
  {
    identity: Type.Object(
      { phone: Type.Optional(Identity), user: Type.Optional(Identity) },
      { description: 'an identitySet with phone or user' },
    ),
    replacesCallId: Type.Optional(
      Type.String({ maxLength: 64, description: 'the id of another call of the application' }),
    ),
  },
  { description: 'a participantInfo with an identity' },
);

/** Of `answer`. */
export const AnswerBody = Type.Object({ callbackUri, acceptedModalities: modalities, mediaConfig });

/** Of `reject`. */
export const RejectBody = Type.Object({
  reason: Type.Union([Type.Literal('none'), Type.Literal('busy'), Type.Literal('forbidden')], {
    default: 'none',
    description: 'none, busy or forbidden',
  }),
  callbackUri,
});

/** Of a new call. What cannot be served yet is in it so that it can be refused by name. */
export const CreateBody = Type.Object({
  callbackUri: uri,
  targets: Type.Array(Participant, { minItems: 1, description: 'a list with one participantInfo' }),
  source: Type.Optional(
    Type.Object(
      {
        identity: Type.Optional(
          Type.Object(
            { phone: Type.Optional(Identity), user: Type.Optional(Identity) },
            { description: 'an identitySet' },
          ),
        ),
      },
      { description: 'a participantInfo' },
    ),
  ),
  requestedModalities: modalities,
  mediaConfig,
  subject: Type.Optional(Type.String({ maxLength: 1024, description: 'a text of at most 1024 characters' })),
  tenantId: Type.Optional(Type.String({ maxLength: 128, description: 'a GUID' })),
  ringingTimeoutInSeconds: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 115, description: 'a whole number of seconds from 1 to 115' }),
  ),
  chatInfo: Type.Optional(Type.Unknown()),
  meetingInfo: Type.Optional(Type.Unknown()),
});

/** Of `redirect`; `timeout` and the masks are taken, and left to who is called. */
export const RedirectBody = Type.Object({
  targets: Type.Array(Participant, {
    minItems: 1,
    maxItems: 10,
    description: 'a list of 1 to 10 participantInfos',
  }),
  targetDisposition: Type.Optional(Type.String({ description: 'default, simultaneousRing or forward' })),
  timeout: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 90, description: 'a whole number of seconds from 1 to 90' }),
  ),
  maskCallee: flag(false),
  maskCaller: flag(false),
  callbackUri,
});

/** Of `transfer`. */
export const TransferBody = Type.Object({ transferTarget: Participant });

export type AnswerBody = Static<typeof AnswerBody>;
export type RejectBody = Static<typeof RejectBody>;
export type CreateBody = Static<typeof CreateBody>;
export type RedirectBody = Static<typeof RedirectBody>;
export type TransferBody = Static<typeof TransferBody>;
export type MediaConfig = AnswerBody['mediaConfig'];
export type Participant = Static<typeof Participant>;
