/** What the API's documentation describes once: errors, parameters, resources. For people and generators; nothing is checked by it. */
import Type from 'typebox';
import { ERRORS } from './errors.ts';
import { answered, type Response } from './route-description.ts';

const open = { additionalProperties: true };
const text = (description: string) => Type.String({ description });
const maybe = (description: string) => Type.Optional(text(description));
const when = (description: string) => Type.String({ format: 'date-time', description });
const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });

const head = {
  '@odata.type': text('What it is, such as #microsoft.graph.call.'),
  '@odata.id': text('Its address without the version.'),
  '@odata.etag': text('Changes with each change.'),
  id: Type.String({ format: 'uuid' }),
};

const operation = {
  ...head,
  status: Type.Enum(['notStarted', 'running', 'completed', 'failed']),
  clientContext: maybe('As it was given.'),
  resultInfo: Type.Optional(Type.Unsafe(ref('resultInfo'))),
  completionReason: maybe('Of a record, once it has ended: why.'),
};

const listOf = (name: string) =>
  Type.Object(
    {
      '@odata.context': maybe('What the list is.'),
      '@odata.count': Type.Optional(
        Type.Integer({ description: 'Of the whole list; only with $count=true.' }),
      ),
      '@odata.nextLink': maybe('Where the next page is.'),
      value: Type.Array(Type.Unsafe(ref(name))),
    },
    open,
  );

const schemas = {
  error: Type.Object({
    error: Type.Object({
      code: text('Stable; what programs look at.'),
      message: text('For people: what is wrong, and what would be right.'),
      innerError: Type.Object({
        date: when('When.'),
        'request-id': text("As in the answer's header; the server's log has it."),
        'client-request-id': text("The asker's own id, or the request-id."),
      }),
    }),
  }),
  resultInfo: Type.Object(
    { code: Type.Integer(), subcode: Type.Integer(), message: Type.String() },
    { ...open, description: 'How it went.' },
  ),
  participantInfo: Type.Object(
    {
      identity: Type.Object(
        {},
        { ...open, description: 'With one of phone, user and application: { id, displayName }.' },
      ),
    },
    { ...open, description: 'Who.' },
  ),
  call: Type.Object(
    {
      ...head,
      state: Type.Enum([
        'incoming',
        'establishing',
        'ringing',
        'established',
        'hold',
        'transferring',
        'transferAccepted',
        'redirecting',
        'terminating',
        'terminated',
      ]),
      direction: Type.Enum(['incoming', 'outgoing']),
      callbackUri: text('Where the bot is told of the call.'),
      source: Type.Unsafe(ref('participantInfo')),
      targets: Type.Array(Type.Unsafe(ref('participantInfo'))),
      callRoutes: Type.Optional(Type.Array(Type.Object({}, open))),
      requestedModalities: Type.Array(Type.String()),
      mediaConfig: Type.Object({}, open),
      mediaState: Type.Optional(Type.Object({ audio: Type.String() }, open)),
      subject: maybe('As it was given.'),
      tenantId: text("The application's."),
      myParticipantId: text("The bot's own place among the participants."),
      terminationReason: maybe('Why it ended.'),
      resultInfo: Type.Optional(Type.Unsafe(ref('resultInfo'))),
      toneInfo: Type.Optional(Type.Object({ sequenceId: Type.Integer(), tone: Type.String() }, open)),
    },
    open,
  ),
  appOperation: Type.Object(
    {
      ...operation,
      createdDateTime: when('When it was taken.'),
      lastActionDateTime: when('When it changed last.'),
      recordResourceLocation: maybe('Where the recording is.'),
      recordResourceAccessToken: maybe('What opens it.'),
    },
    open,
  ),
  communicationsOperation: Type.Object(
    {
      ...operation,
      recordingLocation: maybe('Where the recording is.'),
      recordingAccessToken: maybe('What opens it.'),
    },
    open,
  ),
  appOperationList: listOf('appOperation'),
  communicationsOperationList: listOf('communicationsOperation'),
  participant: Type.Object(
    {
      ...head,
      info: Type.Unsafe(ref('participantInfo')),
      isInLobby: Type.Boolean(),
      isMuted: Type.Boolean(),
      mediaStreams: Type.Array(Type.Object({}, open)),
    },
    open,
  ),
  participantList: listOf('participant'),
  undelivered: Type.Object(
    {
      id: Type.String({ format: 'uuid' }),
      callId: Type.String(),
      sequence: Type.Integer({ description: '1, 2, 3 … within the call.' }),
      callbackUri: Type.String(),
      createdDateTime: when('When it happened.'),
      attempts: Type.Integer(),
      lastError: maybe('What the last attempt met.'),
      body: Type.Object({}, { ...open, description: 'What the bot would have been sent.' }),
    },
    open,
  ),
  undeliveredList: Type.Object({ value: Type.Array(Type.Unsafe(ref('undelivered'))) }, open),
  tokenAnswer: Type.Object(
    {
      token_type: Type.String(),
      expires_in: Type.Integer({ description: 'Seconds.' }),
      access_token: Type.String(),
    },
    open,
  ),
  tokenError: Type.Object({ error: Type.String(), error_description: Type.String() }, open),
  anything: Type.Object({}, open),
};

const DESCRIPTIONS: Readonly<Record<number, string>> = {
  400: 'The request is wrong; the message says where, and what would be right.',
  401: 'There is no token, or it opens nothing.',
  403: 'The token lacks a role, or is of another application than the path.',
  404: 'There is no such thing, or it is over.',
  409: 'It does not go with what was done before.',
  410: 'It was there, and is gone.',
  412: 'It is not what the conditions of the request ask for.',
  416: 'The recording has no such part.',
  429: 'The application has made too many requests.',
  503: 'The server cannot take it now.',
};

/** Each with the codes that it can have. */
const responses = Object.fromEntries(
  Object.entries(DESCRIPTIONS).map(([status, description]): [string, Response] => {
    const codes = Object.values(ERRORS).filter((row) => String(row.status) === status);
    const named = [...new Set(codes.map(({ code }) => code))].join(', ');
    const retry = { 'Retry-After': { description: 'Seconds.', schema: { type: 'integer' } } };
    return [
      `error${status}`,
      answered(
        named === '' ? description : `${description} Codes: ${named}.`,
        'error',
        status === '429' || status === '503' ? retry : undefined,
      ),
    ];
  }),
);

const inQuery = (name: string, description: string, schema: object) => ({
  name,
  in: 'query',
  description,
  schema,
});
const inHeader = (name: string, description: string) => ({
  name,
  in: 'header',
  description,
  schema: { type: 'string' },
});

const parameters = {
  select: inQuery('$select', 'Names of members, with commas between: only these are sent.', {
    type: 'string',
  }),
  top: inQuery('$top', 'Longest page.', { type: 'integer', minimum: 1, maximum: 1000 }),
  skip: inQuery('$skip', 'How many to leave out first; @odata.nextLink has it.', {
    type: 'integer',
    minimum: 0,
  }),
  count: inQuery('$count', 'Whether @odata.count is sent.', { type: 'boolean' }),
  clientRequestId: inHeader('client-request-id', "The asker's own id of the request: echoed, and logged."),
  scenarioId: inHeader('Scenario-Id', "A GUID: the call's, in every notification about it."),
  idempotencyKey: inHeader('Idempotency-Key', 'A repeat with the same key returns the first operation.'),
};

/** How a request shows who it is from. */
export function securitySchemes(publicUrl: string) {
  return {
    oauth2: {
      type: 'oauth2',
      description: "Each application has its own secret; the roles are the application's.",
      flows: {
        clientCredentials: {
          tokenUrl: `${publicUrl}/common/oauth2/v2.0/token`,
          scopes: {
            'Calls.Initiate.All': 'Place calls, and send them elsewhere.',
            'Calls.AccessMedia.All': 'Record, and be told of keys.',
          },
        },
      },
    },
    bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'A token as it is.' },
    recording: { type: 'http', scheme: 'bearer', description: "The recording's own access token." },
  } as const;
}

/** The document's `components`, but for its securitySchemes. */
export const COMPONENTS = { schemas, responses, parameters };
