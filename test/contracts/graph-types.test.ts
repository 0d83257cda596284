/**
 * What bots that are written against Microsoft's types get is of those types: the type check is the test. Departures are those that the
 * package and Graph itself disagree about, and are named here.
 */
import { test } from 'node:test';
import type {
  Call,
  CancelMediaProcessingOperation,
  CommsOperation,
  MuteParticipantOperation,
  OperationStatus,
  Participant,
  PlayPromptOperation,
  RecordOperation,
  ServiceHostedMediaConfig,
  SubscribeToToneOperation,
  Tone,
  UnmuteParticipantOperation,
} from '@microsoft/microsoft-graph-types-beta';
import type { AppOperation } from '../../src/graph/app-dialect.ts';
import type { CommunicationsOperation } from '../../src/graph/communications-dialect.ts';
import type { ParticipantResource } from '../../src/graph/participants.ts';
import type { ToneName } from '../../src/graph/resource-parts.ts';
import type { CallChange, CallResource } from '../../src/graph/resources.ts';

/** The package writes `Running`; Graph's documentation, and Graph, `running`. */
type AsTravelled<Operation extends CommsOperation> = Omit<Operation, 'status'> & {
  status?: Uncapitalize<OperationStatus>;
};

/** What we send, all members that can be there, must fit what a bot reads. */
type Fits<Sent extends Read, Read> = Sent;

/** `callTerminated` is ours: a voicemail that is left by hanging up (CONTRACT §3.1). */
type AsGraphEnds<Operation extends { readonly completionReason?: unknown }> = Omit<
  Operation,
  'completionReason'
> & { readonly completionReason?: Exclude<Operation['completionReason'], 'callTerminated' | undefined> };

type Operation = Omit<CommunicationsOperation, 'completionReason'>;

export type Checked = [
  // Of a media config the package's Call knows only what all kinds of it have.
  Fits<Omit<CallResource, 'mediaConfig'>, Call>,
  Fits<CallResource['mediaConfig'], ServiceHostedMediaConfig>,
  Fits<CallChange, Call>,
  Fits<ParticipantResource, Participant>,
  Fits<AsGraphEnds<CommunicationsOperation>, AsTravelled<RecordOperation>>,
  Fits<AsGraphEnds<AppOperation>, AsTravelled<RecordOperation>>,
  Fits<AppOperation, AsTravelled<CommsOperation>>,
  Fits<Operation, AsTravelled<PlayPromptOperation>>,
  Fits<Operation, AsTravelled<SubscribeToToneOperation>>,
  Fits<Operation, AsTravelled<CancelMediaProcessingOperation>>,
  Fits<Operation, AsTravelled<MuteParticipantOperation>>,
  Fits<Operation, AsTravelled<UnmuteParticipantOperation>>,
  // Both ways: there is no key that Graph has a name for and we do not.
  Fits<ToneName, Tone>,
  Fits<Tone, ToneName>,
  // Every member of ours is one of Graph's, but for the end report, the dates and the recording's names of 2018.
  Fits<Exclude<Own<CallResource>, keyof Call>, never>,
  Fits<Exclude<Own<ParticipantResource>, keyof Participant>, never>,
  Fits<Exclude<Own<CommunicationsOperation>, keyof RecordOperation | 'endReport'>, never>,
];

type Own<Resource> = Exclude<keyof Resource, `@odata.${string}`>;

test('what is sent is of the types that Microsoft publishes for bots', () => {
  // Checked by `tsc --noEmit`.
});
