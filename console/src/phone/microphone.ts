/** A microphone, or why there is none, in words that say what to do. */
export type Microphone = { readonly stream: MediaStream } | { readonly refusal: string };

export async function openMicrophone(isProcessed: boolean): Promise<Microphone> {
  // Browsers hide it from pages that come unencrypted from another machine.
  if (!('mediaDevices' in navigator))
    return { refusal: 'This browser gives the microphone only to pages over HTTPS or from this machine.' };
  try {
    const audio = {
      echoCancellation: isProcessed,
      noiseSuppression: isProcessed,
      autoGainControl: isProcessed,
    };
    return { stream: await navigator.mediaDevices.getUserMedia({ audio, video: false }) };
  } catch (thrown) {
    return { refusal: refusalOf(thrown) };
  }
}

/** For whoever only wants to listen and press keys. */
export function silence(context: AudioContext): MediaStream {
  return context.createMediaStreamDestination().stream;
}

function refusalOf(thrown: unknown): string {
  switch (thrown instanceof DOMException ? thrown.name : '') {
    case 'NotAllowedError':
      return 'The microphone was refused. Allow it for this page beside the browser’s address bar, and call again.';
    case 'NotFoundError':
    case 'OverconstrainedError':
      return 'No microphone was found. Plug one in, and call again.';
    case 'NotReadableError':
    case 'AbortError':
      return 'The microphone is in use by another program, or does not work.';
    default:
      return `The microphone could not be opened: ${thrown instanceof Error ? thrown.message : thrown}`;
  }
}
