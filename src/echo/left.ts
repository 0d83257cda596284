/** What an earlier process of the echo bot left: nobody waits for it, and nobody is to hear it. */
import { reasonOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { RecordingArchive, RecordingLibrary } from '../recording/library.ts';
import { ECHO_ID } from './application.ts';

/** Deletes every message that is still there, once they are recovered and before there are calls. Never rejects. */
export async function removeLeft(
  recordings: Pick<RecordingLibrary, 'delete'> & Pick<RecordingArchive, 'list'>,
  log: Log,
): Promise<void> {
  try {
    const left: string[] = [];
    for await (const { applicationId, state, recordingId } of recordings.list())
      if (applicationId === ECHO_ID && state === 'finished') left.push(recordingId);
    for (const recordingId of left) await recordings.delete(recordingId);
  } catch (thrown) {
    log.warn({ error: reasonOf(thrown) }, 'messages of the echo bot stay');
  }
}
