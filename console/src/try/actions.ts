/** A member of an action's body, as the form asks for it. What is left at its default is not sent. */
export type Parameter = {
  readonly name: string;
  readonly help: string;
  readonly isRequired?: boolean;
} & (
  | { readonly type: 'flag'; readonly fallback: boolean }
  | { readonly type: 'number'; readonly fallback?: number; readonly range: string }
  | { readonly type: 'choice'; readonly choices: readonly string[]; readonly fallback: string }
  | { readonly type: 'text'; readonly example?: string }
  /** Divided by spaces or commas. */
  | { readonly type: 'keys'; readonly example: string }
  | { readonly type: 'prompts' }
  /** A SIP URI or number, as a participant; `many`: a list of them. */
  | { readonly type: 'party'; readonly many: boolean; readonly example: string }
);

export interface Action {
  readonly name: string;
  readonly title: string;
  readonly about: string;
  readonly parameters: readonly Parameter[];
}

/** What a form holds: by the parameter's name, each as it was typed or ticked. */
export type Values = Readonly<Record<string, string | boolean | undefined>>;

const clientContext: Parameter = {
  name: 'clientContext',
  type: 'text',
  help: 'Comes back in the operation and in each of its notifications. At most 256 characters.',
  example: 'first-try',
};

const callbackUri: Parameter = {
  name: 'callbackUri',
  type: 'text',
  help: 'Where the bot is told of the call from now on. Default: where it is told now.',
  example: 'http://127.0.0.1:9000/api/calls',
};

const bargeInAllowed: Parameter = {
  name: 'bargeInAllowed',
  type: 'flag',
  fallback: false,
  help: 'Speech or a key stops the prompt, and what broke in is recorded from its first sound. In the communications dialect it also breaks into what is playing or queued.',
};

const speechSensitivity: Parameter = {
  name: 'speechSensitivity',
  type: 'choice',
  choices: ['low', 'normal', 'high'],
  fallback: 'normal',
  help: 'How readily speech is heard.',
};

const prompts = (help: string, isRequired: boolean): Parameter => ({
  name: 'prompts',
  type: 'prompts',
  help,
  isRequired,
});

const seconds = (name: string, help: string, range: string): Parameter => ({
  name,
  type: 'number',
  fallback: 5,
  help,
  range,
});

const SILENCE = '1–300; in the communications dialect 1–120';

/** Whatever can be done with a call. */
export const ACTIONS: readonly Action[] = [
  {
    name: 'record',
    title: 'record',
    about:
      'Plays prompts, beeps, and records the caller until a key, a pause, the time limit or the hang-up.',
    parameters: [
      prompts(
        'URLs, one a line, played in order before the recording. In the communications dialect at most one.',
        false,
      ),
      bargeInAllowed,
      speechSensitivity,
      seconds(
        'initialSilenceTimeoutInSeconds',
        'The longest silence before the caller first speaks, from the end of the beep.',
        SILENCE,
      ),
      seconds('maxSilenceTimeoutInSeconds', 'The longest pause once the caller has spoken.', SILENCE),
      seconds(
        'maxRecordDurationInSeconds',
        'The longest recording.',
        '1–1800; in the communications dialect 1–120',
      ),
      {
        name: 'recordingFormat',
        type: 'choice',
        choices: ['wav', 'mp3', 'flac', 'ogg'],
        fallback: 'wav',
        help: 'The format of the file: wav is PCM, 16 kHz, 16 bit; ogg is Opus.',
      },
      {
        name: 'recordingChannels',
        type: 'choice',
        choices: ['mono', 'dual'],
        fallback: 'mono',
        help: 'mono: the caller. dual: the caller left, what the caller heard right.',
      },
      {
        name: 'trimSilence',
        type: 'flag',
        fallback: false,
        help: 'Cuts the silence before the first and after the last word.',
      },
      {
        name: 'playBeep',
        type: 'flag',
        fallback: true,
        help: 'A beep after the prompt; never in the recording.',
      },
      {
        name: 'streamWhileRecording',
        type: 'flag',
        fallback: false,
        help: 'The bot is told the location as soon as recording starts, and can read the file while it grows.',
      },
      {
        name: 'stopTones',
        type: 'keys',
        help: 'Each ends the recording: one or more keys of 0-9 * # A-D, so that 11 means the key 1 twice. At most 64.',
        example: '# 11',
      },
      clientContext,
    ],
  },
  {
    name: 'playPrompt',
    title: 'playPrompt',
    about: 'Plays audio to the caller.',
    parameters: [
      prompts('URLs, one a line, played in order. In the communications dialect at most 20.', true),
      bargeInAllowed,
      speechSensitivity,
      clientContext,
    ],
  },
  {
    name: 'subscribeToTone',
    title: 'subscribeToTone',
    about: 'From now on every key that the caller presses is a notification.',
    parameters: [clientContext],
  },
  {
    name: 'cancelMediaProcessing',
    title: 'cancelMediaProcessing',
    about: 'Ends the prompts and recordings that run or wait.',
    parameters: [
      { name: 'all', type: 'flag', fallback: false, help: 'Changes nothing: all is what is cancelled.' },
      clientContext,
    ],
  },
  {
    name: 'answer',
    title: 'answer',
    about: 'Answers an incoming call.',
    parameters: [callbackUri],
  },
  {
    name: 'reject',
    title: 'reject',
    about: 'Refuses an incoming call.',
    parameters: [
      {
        name: 'reason',
        type: 'choice',
        choices: ['none', 'busy', 'forbidden'],
        fallback: 'none',
        help: 'What the caller is told: SIP 480, 486 or 403.',
      },
      callbackUri,
    ],
  },
  {
    name: 'redirect',
    title: 'redirect',
    about: 'Sends an incoming call elsewhere, unanswered.',
    parameters: [
      {
        name: 'targets',
        type: 'party',
        many: true,
        isRequired: true,
        help: 'Whom the caller is to call instead; at most ten, divided by spaces.',
        example: '+14255550123 sip:desk@pbx.example',
      },
      { name: 'timeout', type: 'number', help: 'How long each may ring, in seconds.', range: '1–90' },
      callbackUri,
    ],
  },
  {
    name: 'transfer',
    title: 'transfer',
    about: 'Has the caller call somebody else, and leaves.',
    parameters: [
      {
        name: 'transferTarget',
        type: 'party',
        many: false,
        isRequired: true,
        help: 'Whom.',
        example: 'sip:desk@pbx.example',
      },
    ],
  },
  { name: 'mute', title: 'mute', about: 'The caller hears nothing any more.', parameters: [clientContext] },
  { name: 'unmute', title: 'unmute', about: 'The caller hears again.', parameters: [clientContext] },
  {
    name: 'keepAlive',
    title: 'keepAlive',
    about: 'Says that the bot is there; 404 once the call is gone.',
    parameters: [],
  },
  { name: '', title: 'DELETE (hang up)', about: 'Ends the call.', parameters: [] },
];

/** The body that a form stands for; what is at its default, or empty, is left out. Bounds are the server's to judge. */
export function bodyOf({ parameters }: Action, values: Values): Record<string, unknown> {
  const members = parameters.flatMap((parameter) => {
    const value = memberOf(parameter, values[parameter.name]);
    return value === undefined ? [] : [[parameter.name, value] as const];
  });
  return Object.fromEntries(members);
}

function memberOf(parameter: Parameter, value: string | boolean | undefined): unknown {
  if (value === undefined || value === '') return undefined;
  if (parameter.type === 'flag') return value === parameter.fallback ? undefined : value;
  const text = String(value).trim();
  const words = text.split(/[\s,]+/).filter(Boolean);
  switch (parameter.type) {
    case 'number':
      return Number(text) === parameter.fallback ? undefined : Number(text);
    case 'choice':
      return text === parameter.fallback ? undefined : text;
    case 'keys':
      return words.length === 0 ? undefined : words;
    case 'prompts':
      return words.length === 0 ? undefined : words.map((uri) => ({ mediaInfo: { uri } }));
    case 'party':
      return parameter.many ? words.map(partyOf) : partyOf(text);
    default:
      return text;
  }
}

function partyOf(text: string) {
  const kind = /^\+?[\d().-]+$/.test(text) ? 'phone' : 'user';
  return { identity: { [kind]: { id: text } } };
}

/** The same request for a shell. `TOKEN` is what the application got from the token route. */
export function curlOf(request: {
  readonly method: string;
  readonly url: string;
  readonly body?: unknown;
}): string {
  const lines = [`curl -i -X ${request.method} ${quoted(request.url)}`, `-H "Authorization: Bearer $TOKEN"`];
  if (request.body !== undefined)
    lines.push("-H 'Content-Type: application/json'", `-d ${quoted(JSON.stringify(request.body))}`);
  return lines.join(' \\\n  ');
}

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
