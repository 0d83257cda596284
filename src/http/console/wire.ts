/**
 * What the console's page and its server say to each other: the JSON of `/console/…`. The page imports these types and nothing else of
 * the server. Times are milliseconds since the epoch unless their name says otherwise; ids are GUIDs.
 */

/** `GET /console/session`: 401 for whoever is not signed in. */
export interface Session {
  readonly version: string;
  readonly publicUrl: string;
  /** Sent back as the header `x-csrf-token` with whatever changes something. */
  readonly csrfToken: string;
  readonly webrtc: {
    /** `ws:` or `wss:`, where the page's softphone speaks SIP. */
    readonly url: string;
    readonly iceServers: readonly IceServer[];
  };
}

/** As RTCPeerConnection takes it (RFC 7064, RFC 7065). */
export interface IceServer {
  readonly urls: string;
  readonly username?: string;
  readonly credential?: string;
}

/** `POST /console/sign-in`: 204 and the cookie, 401, or 429 with Retry-After. */
export interface SignIn {
  readonly secret: string;
}

/** Of `GET /console/applications`. */
export interface ApplicationRow {
  readonly id: string;
  readonly name: string;
  /** Without its query. `undefined`: the built-in echo bot. */
  readonly callbackUri?: string;
  readonly routes: readonly string[];
  /** What the page's softphone dials to reach it: a SIP URI that its routes take. `undefined`: they take none that could be guessed. */
  readonly address?: string;
}

/** Of `GET /console/calls`, live ones and those that ended lately, the newest first; and of the event `call`. */
export interface CallRow {
  readonly id: string;
  readonly applicationId: string;
  readonly applicationName: string;
  readonly direction: 'incoming' | 'outgoing';
  /** As CallSnapshot has it. */
  readonly state: string;
  /** As one would show it: a number, a name, a SIP URI. */
  readonly caller: string;
  readonly callee: string;
  readonly createdAt: number;
  readonly endedAt?: number;
  /** Why it ended, in a few words: "the caller hung up". */
  readonly ending?: string;
  /** The operation that runs: "record", "playPrompt". */
  readonly running?: string;
  /** Something in its trace is an error. */
  readonly hasErrors: boolean;
}

/**
 * `GET /console/calls/{id}`: 404 when it is not remembered (any more). `GET /console/calls/{id}/export?format=` gives it as a file to save,
 * `json` or `http`.
 */
export interface CallTrace {
  readonly call: CallRow;
  readonly events: readonly TraceEvent[];
  /** So many of the first events were dropped to bound memory. */
  readonly dropped: number;
}

/** One thing that happened in a call. `sequence` counts from 1 within the call; `error`: shown in red, why. */
export type TraceEvent = {
  readonly sequence: number;
  readonly at: number;
  readonly error?: string;
} & TraceDetail;

export type TraceDetail =
  | {
      readonly kind: 'sip';
      readonly direction: 'in' | 'out';
      readonly transport: string;
      /** address:port of the far end. */
      readonly remote: string;
      /** Its first line. */
      readonly title: string;
      /** Credentials are masked. */
      readonly text: string;
    }
  | { readonly kind: 'state'; readonly state: string; readonly ending?: string }
  /** What the bot asked for over HTTP, and what it was answered. Tokens and secrets are masked. */
  | {
      readonly kind: 'request';
      readonly method: string;
      readonly path: string;
      readonly headers: Readonly<Record<string, string>>;
      /** JSON, or nothing. */
      readonly body?: unknown;
      readonly status: number;
      readonly answer?: unknown;
      readonly ms: number;
    }
  | {
      readonly kind: 'operation';
      readonly operationId: string;
      readonly operation: string;
      readonly change: 'asked' | 'running' | 'prompt' | 'bargeIn' | 'beep' | 'recording' | 'speech' | 'ended';
      /** In a few words: which prompt, by what, how it ended. */
      readonly detail?: string;
      /** When it ended: the recording's id and the end report, as the bot has them. */
      readonly recordingId?: string;
      readonly endReport?: unknown;
    }
  /** As the engine hears it. */
  | { readonly kind: 'heard'; readonly what: 'speech' | 'silence' }
  | { readonly kind: 'heard'; readonly what: 'key'; readonly key: string }
  /** One attempt to deliver a notification. */
  | {
      readonly kind: 'notification';
      readonly id: string;
      readonly number: number;
      readonly attempt: number;
      /** Where to, without its query. */
      readonly target: string;
      readonly body: unknown;
      /** The bot's answer; `undefined`: there was none. */
      readonly status?: number;
      readonly ms: number;
      readonly nextAttemptInMs?: number;
    };

/** Of `GET /console/recordings?application=&state=&call=&top=&skip=`, the newest first; and of the event `recording`. */
export interface RecordingRow {
  readonly id: string;
  readonly callId: string;
  readonly operationId: string;
  readonly applicationId?: string;
  readonly applicationName?: string;
  readonly state: 'recording' | 'finished' | 'gone';
  /** wav, mp3, flac, ogg. */
  readonly format: string;
  /** Formats that `GET /console/recordings/{id}/content?format=` gives. */
  readonly downloads: readonly string[];
  readonly bytes?: number;
  readonly durationMs?: number;
  readonly beganAt?: number;
  readonly finishedAt?: number;
  /** Why it ended, as the bot is told: "stopToneDetected". */
  readonly ending?: string;
  /** As the bot has it; like `ending`, for as long as the operation is remembered. */
  readonly endReport?: unknown;
}

export interface Paged<Row> {
  readonly total: number;
  readonly rows: readonly Row[];
}

/**
 * `POST /console/calls/{id}/try`: does on the API itself, in the name of the call's application, what a bot would, and gives both sides
 * of it. `DELETE` of the call has no body.
 */
export interface Try {
  readonly method: 'POST' | 'DELETE';
  /** `record`, `playPrompt`, `answer`, `cancelMediaProcessing` …; left out: the call itself. */
  readonly action?: string;
  readonly body?: unknown;
}

export interface Tried {
  readonly request: {
    readonly method: string;
    readonly url: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: unknown;
  };
  readonly response: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: unknown;
  };
}

/** Of `GET /console/undelivered?top=&skip=`. `POST /console/undelivered/{id}/resend`: 204 or 404. */
export interface UndeliveredRow {
  readonly id: string;
  readonly applicationId: string;
  readonly applicationName: string;
  readonly callId: string;
  readonly number: number;
  readonly createdAt: number;
  readonly attempts: number;
  /** Without its query. */
  readonly target: string;
  readonly lastError?: string;
  readonly body: unknown;
}

/** `GET /console/health`, and the event `health` every two seconds. */
export interface Health {
  readonly at: number;
  readonly ready: boolean;
  readonly calls: number;
  readonly recordingsLive: number;
  /** Of all packets that were expected since the last report, 0–1; `undefined`: there were none. */
  readonly packetLoss?: number;
  /** CPU of the whole process for each RTP packet received, since the last report. */
  readonly microsecondsPerPacket?: number;
  readonly packetsPerSecond: number;
  /** Of one core, 0–n. */
  readonly cpu: number;
  readonly residentBytes: number;
  readonly diskFreeBytes: number;
  readonly outboxPending: number;
  readonly outboxUndelivered: number;
  readonly uptimeSeconds: number;
}

/**
 * `GET /console/events?call=…`, server-sent events: `event:` is the member's name, `data:` its JSON. `trace` only of the call that was
 * asked for. After a gap (the reader reconnects, or read too slowly) `reset` tells it to ask for everything again.
 */
export interface ConsoleEvents {
  readonly call: CallRow;
  readonly trace: TraceEvent & { readonly callId: string };
  readonly recording: RecordingRow;
  readonly undelivered: { readonly total: number };
  readonly health: Health;
  readonly reset: Record<string, never>;
}

/** Every error of `/console/…`. */
export interface ConsoleError {
  readonly error: { readonly code: string; readonly message: string };
}
