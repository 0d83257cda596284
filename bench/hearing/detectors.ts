/** What is compared: our end-pointer, Asterisk's way, and the detector of WebRTC. */
import { createRequire } from 'node:module';
import { FRAME_SAMPLES, SPEECH_TAIL } from '../../src/media/line.ts';
import { SpeechDetector } from '../../src/media/speech.ts';

export interface Detector {
  /** The frame from index `at` of `samples` on. */
  hear(samples: Int16Array, at: number, position: number): void;
  /** A frame that was lost. */
  miss(position: number): void;
  readonly speech: boolean;
  /** Something that is not decided yet: the recording does not end meanwhile. */
  readonly undecided: boolean;
  /** Where the present or last stretch of speech began. */
  readonly onset: number;
  /** `speech` goes on for so many samples after the last word. */
  readonly tail: number;
}

export const DETECTORS: Readonly<Record<string, () => Detector>> = {
  tonearm: () => Object.assign(new SpeechDetector(), { tail: SPEECH_TAIL }),
  // dsp.c, __ast_dsp_silence: a frame is silent when its samples are below 256 on average. What is lost is never seen by it.
  asterisk: () =>
    byFrame((samples, at) => {
      let sum = 0;
      for (let index = at; index < at + FRAME_SAMPLES; index++) sum += Math.abs(samples[index]!);
      return sum / FRAME_SAMPLES >= 256;
    }),
  'webrtc 1': () => webrtc(1),
  'webrtc 3': () => webrtc(3),
};

/** Speech is what each frame is said to be. */
function byFrame(isSpeech: (samples: Int16Array, at: number) => boolean): Detector {
  let speech = false;
  let onset = 0;
  return {
    hear(samples, at, position) {
      const now = isSpeech(samples, at);
      if (now && !speech) onset = position;
      speech = now;
    },
    miss() {},
    get speech() {
      return speech;
    },
    get onset() {
      return onset;
    },
    undecided: false,
    tail: 0,
  };
}

/** libfvad's WebAssembly, as Emscripten exports it. */
interface Fvad {
  readonly HEAP16: Int16Array;
  _malloc(bytes: number): number;
  _fvad_new(): number;
  _fvad_set_mode(vad: number, mode: number): number;
  _fvad_set_sample_rate(vad: number, rate: number): number;
  _fvad_process(vad: number, samples: number, length: number): number;
}

let fvad: Fvad | undefined;

/** To be awaited before the detectors are used. */
export async function loadDetectors(): Promise<void> {
  const path = createRequire(import.meta.url).resolve('@echogarden/fvad-wasm');
  const loaded: { default: () => Promise<Fvad> } = await import(path);
  fvad = await loaded.default();
}

/** `mode`: 0 takes most for speech, 3 least. */
function webrtc(mode: number): Detector {
  if (fvad === undefined) throw new Error('loadDetectors comes first');
  const module = fvad;
  const vad = module._fvad_new();
  module._fvad_set_sample_rate(vad, 8000);
  module._fvad_set_mode(vad, mode);
  const buffer = module._malloc(2 * FRAME_SAMPLES);
  return byFrame((samples, at) => {
    module.HEAP16.set(samples.subarray(at, at + FRAME_SAMPLES), buffer >> 1);
    return module._fvad_process(vad, buffer, FRAME_SAMPLES) === 1;
  });
}
