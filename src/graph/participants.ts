/** Who is in a call: the far end and the bot, as Graph's participants. They follow from the call; nothing of them is stored. */
import { createHash } from 'node:crypto';
import type { CallSnapshot, Party } from '../call/model.ts';
import { botOf, head, type ParticipantInfo, participantInfo, type ResourceHead } from './resource-parts.ts';
import { participantPath, withDashes } from './spelling.ts';

/** A party of the call. */
export interface ParticipantResource extends ResourceHead<'participant'> {
  readonly info: ParticipantInfo;
  readonly isInLobby: false;
  readonly isMuted: boolean;
  readonly mediaStreams: MediaStream[];
}

interface MediaStream {
  readonly '@odata.type': '#microsoft.graph.mediaStream';
  readonly mediaType: 'audio';
  readonly sourceId: string;
  readonly direction: 'sendReceive';
  readonly serverMuted: boolean;
}

/** What `$select` may name of a participant. */
export const PARTICIPANT_MEMBERS: readonly string[] = Object.keys({
  info: true,
  isInLobby: true,
  isMuted: true,
  mediaStreams: true,
} satisfies Record<Exclude<keyof ParticipantResource, keyof ResourceHead>, true>);

/** GUIDs that follow from the call's. */
export function participantIds(call: Pick<CallSnapshot, 'id'>): {
  readonly bot: string;
  readonly farEnd: string;
} {
  const idOf = (who: string) => {
    const hash = createHash('sha256').update(`${call.id}/participants/${who}`).digest('hex');
    return withDashes(hash.slice(0, 32));
  };
  return { bot: idOf('bot'), farEnd: idOf('far-end') };
}

/** The far end, then the bot. */
export function spellParticipants(call: CallSnapshot, spelling: string): readonly ParticipantResource[] {
  const ids = participantIds(call);
  const farEnd = call.direction === 'incoming' ? call.caller : call.callee;
  const spell = (id: string, party: Party, sourceId: string, isMuted: boolean): ParticipantResource => ({
    ...head('participant', participantPath(spelling, call, id), id, call.revision),
    info: participantInfo(party),
    isInLobby: false,
    isMuted,
    mediaStreams: [
      {
        '@odata.type': '#microsoft.graph.mediaStream',
        mediaType: 'audio',
        sourceId,
        direction: 'sendReceive',
        serverMuted: isMuted,
      },
    ],
  });
  return [spell(ids.farEnd, farEnd, '1', false), spell(ids.bot, botOf(call), '2', call.muted)];
}
