/** What the resources of calls, operations and participants are made of (CONTRACT §2.1). */

import type { CallSnapshot, Media, Party, Tone } from '../call/model.ts';
import type { Key } from '../media/line.ts';

/** What every resource begins with. */
export interface ResourceHead<Type extends string = string> {
  readonly '@odata.type': `#microsoft.graph.${Type}`;
  /** Relative, as in the notification. */
  readonly '@odata.id': string;
  readonly '@odata.etag': string;
  readonly id: string;
}

interface Typed<Type extends string> {
  readonly '@odata.type': `#microsoft.graph.${Type}`;
}

/** Somebody. */
export interface Identity extends Typed<'identity'> {
  readonly id: string;
  readonly displayName?: string;
}

/** Exactly one of the three is there. */
export interface IdentitySet extends Typed<'identitySet'> {
  readonly phone?: Identity;
  readonly user?: Identity;
  readonly application?: Identity;
}

/** Who takes part; what Graph knows of language and region we do not. */
export interface ParticipantInfo extends Typed<'participantInfo'> {
  readonly identity: IdentitySet;
  readonly languageId: null;
  readonly region: null;
}

/** How something went. */
export interface ResultInfo extends Typed<'resultInfo'> {
  readonly code: number;
  readonly subcode: number;
  readonly message: string;
}

/** A key that was pressed. */
export interface ToneInfo extends Typed<'toneInfo'> {
  readonly sequenceId: number;
  readonly tone: ToneName;
}

/** Graph's names for the keys. */
export type ToneName =
  | `tone${0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9}`
  | 'star'
  | 'pound'
  | 'a'
  | 'b'
  | 'c'
  | 'd'
  | 'flash';

/** Where audio is. */
export interface MediaInfo extends Typed<'mediaInfo'> {
  readonly uri: string;
  readonly resourceId?: string;
}

/** Media that stays with the server. */
export interface ServiceHostedMediaConfig extends Typed<'serviceHostedMediaConfig'> {
  readonly preFetchMedia?: MediaInfo[];
}

/** `path`: without the version; `revision` counts changes. */
export function head<Type extends string>(
  type: Type,
  path: string,
  id: string,
  revision: number,
): ResourceHead<Type> {
  return {
    '@odata.type': `#microsoft.graph.${type}`,
    '@odata.id': path,
    '@odata.etag': `W/"${revision}"`,
    id,
  };
}

/** `code` is HTTP's or SIP's, `subcode` Graph's own. */
export function resultInfo(code: number, subcode: number, message: string): ResultInfo {
  return { '@odata.type': '#microsoft.graph.resultInfo', code, subcode, message };
}

/** The bot's own side of a call. */
export function botOf({ direction, caller, applicationId }: CallSnapshot): Party {
  return direction === 'outgoing'
    ? caller
    : { kind: 'application', id: applicationId, displayName: undefined };
}

/** The party under the name of its kind. */
export function identitySet({ kind, id, displayName }: Party): IdentitySet {
  const who: Identity = {
    '@odata.type': '#microsoft.graph.identity',
    id,
    ...(displayName !== undefined && { displayName }),
  };
  return { '@odata.type': '#microsoft.graph.identitySet', [kind]: who };
}

/** The party as it takes part in a call. */
export function participantInfo(party: Party): ParticipantInfo {
  return {
    '@odata.type': '#microsoft.graph.participantInfo',
    identity: identitySet(party),
    languageId: null,
    region: null,
  };
}

/** The key in Graph's words. */
export function toneInfo({ sequenceId, key }: Tone): ToneInfo {
  return { '@odata.type': '#microsoft.graph.toneInfo', sequenceId, tone: TONES[key] };
}

/** What is to be fetched before it is wanted. */
export function mediaConfig(preFetch: readonly Media[]): ServiceHostedMediaConfig {
  const preFetchMedia = preFetch.map(
    ({ uri, resourceId }): MediaInfo => ({
      '@odata.type': '#microsoft.graph.mediaInfo',
      uri,
      ...(resourceId !== undefined && { resourceId }),
    }),
  );
  return {
    '@odata.type': '#microsoft.graph.serviceHostedMediaConfig',
    ...(preFetchMedia.length > 0 && { preFetchMedia }),
  };
}

const TONES: Readonly<Record<Key, ToneName>> = {
  '0': 'tone0',
  '1': 'tone1',
  '2': 'tone2',
  '3': 'tone3',
  '4': 'tone4',
  '5': 'tone5',
  '6': 'tone6',
  '7': 'tone7',
  '8': 'tone8',
  '9': 'tone9',
  '*': 'star',
  '#': 'pound',
  A: 'a',
  B: 'b',
  C: 'c',
  D: 'd',
  flash: 'flash',
};
