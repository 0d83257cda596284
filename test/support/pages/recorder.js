/** Gives `hear` the samples of a stream, block by block; resolves to their rate. */
function tap(stream, hear) {
  const context = new AudioContext();
  const head = context.createScriptProcessor(4096, 1, 1);
  head.onaudioprocess = ({ inputBuffer }) => hear(inputBuffer.getChannelData(0));
  context.createMediaStreamSource(stream).connect(head).connect(context.destination);
  return context.sampleRate;
}

/** Keeps what a stream of the far end sounds like, as a tape would: silence too. */
export function record(stream) {
  // Chromium gives a remote stream to WebAudio only while something plays it.
  const player = new Audio();
  player.srcObject = stream;
  player.muted = true;
  void player.play();
  const tape = [];
  const rate = tap(stream, (block) => tape.push(Float32Array.from(block)));
  return {
    /** Signed 16 bit samples, base64. */
    play() {
      const samples = Int16Array.from(
        tape.flatMap((part) => [...part]),
        (sample) => Math.max(-1, Math.min(1, sample)) * 32_767,
      );
      let bytes = '';
      for (const byte of new Uint8Array(samples.buffer)) bytes += String.fromCharCode(byte);
      return { rate, samples: btoa(bytes) };
    },
  };
}

const SPEECH_BLOCKS = 8;
const SILENT_BLOCKS = 10;

/** Resolves when something was said into the microphone, and then nothing for about a second. */
export function spoken(connection) {
  let [loud, silent] = [0, 0];
  return new Promise((resolve) => {
    tap(new MediaStream([connection.getSenders()[0].track]), (block) => {
      const isLoud = block.some((sample) => Math.abs(sample) > 0.02);
      loud += isLoud ? 1 : 0;
      silent = isLoud ? 0 : silent + 1;
      if (loud >= SPEECH_BLOCKS && silent >= SILENT_BLOCKS) resolve();
    });
  });
}

/** The microphone as it is: what a page's audio processing makes of it could not be compared with anything. */
export const MICROPHONE = {
  echoCancellation: false,
  noiseSuppression: false,
  autoGainControl: false,
};
