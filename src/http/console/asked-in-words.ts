/** What an operation was asked to do, in a few words. Pure. */
import type { OperationStart, PromptRequest, RecordRequest } from '../../call/model.ts';

/** `undefined`: its name says it all. */
export function askedInWords(command: OperationStart): string | undefined {
  if (command.name === 'record') return recordInWords(command.request);
  if (command.name !== 'playPrompt') return undefined;
  const { prompts, bargeIn, loop, sensitivity } = command;
  return joined([
    ...prompts.map(promptInWords),
    loop && 'over and over',
    bargeIn && 'barge-in',
    sensitivity && `sensitivity ${sensitivity}`,
  ]);
}

function recordInWords(request: RecordRequest): string {
  const { initialSilenceSeconds, maxSilenceSeconds, maxDurationSeconds, sensitivity } = request;
  return joined([
    ...request.prompts.map(promptInWords),
    request.bargeIn && 'barge-in',
    request.beep && 'beep',
    `${request.channels === 2 ? 'stereo ' : ''}${request.format}`,
    `at most ${maxDurationSeconds} s`,
    `silence ${initialSilenceSeconds} s before speech, ${maxSilenceSeconds} s after`,
    request.stopTones.length > 0 && `stop tones ${request.stopTones.join(' ')}`,
    request.streaming && 'streamed',
    request.trimSilence && 'silence trimmed',
    sensitivity && `sensitivity ${sensitivity}`,
  ]);
}

/** By its file's name: the rest of its URL is long, and its query may be a secret. */
function promptInWords({ uri, times }: PromptRequest): string {
  const path = (URL.parse(uri)?.pathname ?? uri).split(/[?#]/)[0] ?? '';
  const name = path.slice(path.lastIndexOf('/') + 1).slice(0, 64) || 'a prompt';
  if (times === 1) return name;
  return times === Number.POSITIVE_INFINITY ? `${name} for ever` : `${name} ×${times}`;
}

function joined(parts: readonly (string | false | undefined)[]): string {
  return parts.filter((part) => typeof part === 'string').join(', ');
}
