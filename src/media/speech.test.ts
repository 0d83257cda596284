import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { missing } from '../../test/support/tools.ts';
import { FRAME_SAMPLES, type Sensitivity } from './line.ts';
import { SpeechDetector } from './speech.ts';

const SECOND = 8000;
const SOUNDS = '/usr/share/asterisk/sounds/en_US_f_Allison';

interface Stretch {
  readonly onset: number;
  /** Position of the frame that was the first to be called speech, and of the first that no longer was. */
  readonly decided: number;
  end: number;
}

/** `lost`: the frames, from one to another, that did not arrive. */
function stretches(
  samples: Int16Array,
  sensitivity?: Sensitivity,
  lost: readonly [number, number] = [0, 0],
): Stretch[] {
  const detector = new SpeechDetector(undefined, sensitivity);
  const found: Stretch[] = [];
  let speaking = false;
  for (let position = 0; position + FRAME_SAMPLES <= samples.length; position += FRAME_SAMPLES) {
    const frame = position / FRAME_SAMPLES;
    if (frame >= lost[0] && frame < lost[1]) detector.miss(position);
    else detector.hear(samples, position, position);
    if (detector.speech && !speaking)
      found.push({ onset: detector.onset, decided: position, end: samples.length });
    if (!detector.speech && speaking) found.at(-1)!.end = position;
    speaking = detector.speech;
  }
  return found;
}

/** A line that is quiet, then has `sound` in it from `at` on, then is quiet for a second. */
function line(sound: Int16Array, at: number): Int16Array {
  const samples = new Int16Array(at + sound.length + SECOND);
  samples.set(sound, at);
  return samples;
}

/** `sound` brought to so many dBov on average. */
function at(dbov: number, sound: ArrayLike<number>): Int16Array {
  const power = Array.from(sound).reduce((sum, sample) => sum + sample * sample, 0) / sound.length;
  const gain = (32768 * 10 ** (dbov / 20)) / Math.sqrt(power);
  return Int16Array.from(sound, (sample) => Math.max(-32768, Math.min(32767, Math.round(sample * gain))));
}

function noise(seconds: number): number[] {
  let state = 1;
  return Array.from({ length: seconds * SECOND }, () => {
    let sum = 0;
    for (let part = 0; part < 6; part++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      sum += state / 2 ** 31 - 1;
    }
    return sum;
  });
}

function brown(seconds: number): number[] {
  let level = 0;
  return noise(seconds).map((step) => (level = level * 0.999 + step));
}

function tone(seconds: number, ...hertz: number[]): number[] {
  return Array.from({ length: seconds * SECOND }, (_, index) =>
    hertz.reduce((sum, frequency) => sum + Math.sin((2 * Math.PI * frequency * index) / SECOND), 0),
  );
}

/** A voice as far as energy goes: a buzz at 120 Hz in syllables, four in a second. */
function voice(seconds: number): number[] {
  return Array.from({ length: seconds * SECOND }, (_, index) => {
    const phase = (120 * index) / SECOND;
    const syllable = Math.sin((Math.PI * 4 * index) / SECOND) ** 2;
    return (phase - Math.floor(phase) - 0.5) * syllable;
  });
}

function recorded(name: string): Int16Array {
  const file = readFileSync(`${SOUNDS}/${name}`);
  const data = file.indexOf('data') + 8;
  return new Int16Array(
    file.buffer.slice(file.byteOffset + data, file.byteOffset + data + ((file.length - data) & ~1)),
  );
}

test('a voice is heard, from before it began to after it ended', () => {
  for (const dbov of [-10, -20, -30, -40]) {
    const found = stretches(line(at(dbov, voice(2)), SECOND + 37));
    assert.equal(found.length, 1, `${dbov} dBov`);
    const { onset, decided, end } = found[0]!;
    assert.ok(onset <= SECOND + 37 && onset > SECOND - 160 * 8, `onset ${onset}`);
    assert.ok(decided < SECOND + 0.25 * SECOND, `decided ${decided}`);
    assert.ok(end >= 3 * SECOND && end < 3 * SECOND + 0.4 * SECOND, `end ${end}`);
  }
});

test('silence is not speech', () => {
  assert.deepEqual(stretches(new Int16Array(10 * SECOND)), []);
});

test('steady noise, hum and tones are not speech, from the first moment or setting in later', () => {
  const sounds = {
    white: noise(5),
    brown: brown(5),
    hum: tone(5, 50, 100, 150, 250),
    americanHum: tone(5, 60, 120, 180, 300),
    dialTone: tone(5, 350, 440),
    busy: tone(5, 425),
  };
  for (const [name, sound] of Object.entries(sounds)) {
    for (const dbov of [-60, -50, -40, -30, -20]) {
      const samples = at(dbov, sound);
      assert.deepEqual(stretches(samples), [], `${name} at ${dbov}`);
      const settingIn = stretches(line(samples, SECOND + 80));
      // Rumble swells like a voice; out of dead silence it may pass for one until the floor has followed.
      const mistaken =
        name === 'brown' ? settingIn.filter(({ decided, end }) => end - decided > 2 * SECOND) : settingIn;
      assert.deepEqual(mistaken, [], `${name} at ${dbov} setting in`);
    }
  }
});

test('the more sensitive, the quieter a voice may be in the noise', () => {
  const heard = (sensitivity: Sensitivity, snr: number) => {
    const said = line(at(-30, voice(3)), 2 * SECOND);
    const hiss = at(-30 - snr, noise(6));
    return stretches(
      said.map((sample, index) => sample + hiss[index]!),
      sensitivity,
    ).reduce((sum, { decided, end }) => sum + end - decided, 0);
  };
  for (const snr of [0, 3, 6, 9]) {
    const [low, normal, high] = (['low', 'normal', 'high'] as const).map((one) => heard(one, snr));
    assert.ok(low! <= normal! && normal! <= high!, `${snr} dB: ${low} ${normal} ${high}`);
  }
  assert.ok(heard('low', 3) < heard('normal', 3));
  assert.ok(heard('normal', 3) < heard('high', 3));
});

test('each frame says how sure it is: of a voice more than of silence', () => {
  const detector = new SpeechDetector();
  detector.hear(new Int16Array(FRAME_SAMPLES), 0, 0);
  assert.equal(detector.confidence, 0);
  const loud = at(-20, voice(1));
  for (let position = 0; position < SECOND; position += FRAME_SAMPLES) {
    detector.hear(loud, position, FRAME_SAMPLES + position);
    assert.ok(detector.confidence >= 0 && detector.confidence <= 1);
  }
  detector.hear(loud, 1000, SECOND + FRAME_SAMPLES);
  assert.equal(detector.confidence, 1);
});

test('a click shorter than 60 ms is not speech, wherever it falls', () => {
  for (const length of [1, 40, 160, 320, 470]) {
    for (let shift = 0; shift < 160; shift += 20) {
      const click = at(-10, noise(1).slice(0, length));
      assert.deepEqual(stretches(line(click, SECOND + shift)), [], `${length} samples at ${shift}`);
    }
  }
});

test('a voice over noise is heard, and the noise after it is not', () => {
  const background = at(-50, noise(8));
  const spoken = at(-28, voice(2));
  for (const [index, sample] of spoken.entries()) background[3 * SECOND + index]! += sample;
  const found = stretches(background);
  assert.equal(found.length, 1);
  assert.ok(found[0]!.onset <= 3 * SECOND + 400 && found[0]!.onset > 2.7 * SECOND);
  assert.ok(found[0]!.end >= 4.9 * SECOND && found[0]!.end < 5.5 * SECOND);
});

test('two utterances with a second between them are two, and the second begins after the first has ended', () => {
  const spoken = at(-25, voice(1));
  const samples = new Int16Array(5 * SECOND);
  samples.set(spoken, SECOND);
  samples.set(spoken, 3 * SECOND);
  const found = stretches(samples);
  assert.equal(found.length, 2);
  assert.ok(found[1]!.onset >= found[0]!.end);
});

test('a lost frame within speech does not end it', () => {
  const detector = new SpeechDetector();
  const samples = line(at(-25, voice(2)), SECOND);
  let ends = 0;
  let speaking = false;
  for (let position = 0; position + FRAME_SAMPLES <= samples.length; position += FRAME_SAMPLES) {
    if ((position / FRAME_SAMPLES) % 10 === 5) detector.miss(position);
    else detector.hear(samples, position, position);
    if (speaking && !detector.speech) ends++;
    speaking = detector.speech;
  }
  assert.equal(ends, 1);
});

test('a loss of 100 ms in the first syllable does not hide it, and one at the end of the last takes its time', () => {
  const said = line(at(-25, voice(1)), SECOND);
  const whole = stretches(said)[0]!;
  // Four frames of it are heard, five are lost, and four are heard.
  const first = at(-25, voice(0.26));
  assert.equal(stretches(line(first, SECOND), 'normal', [54, 59]).length, 1);
  const found = stretches(said, 'normal', [97, 102]);
  assert.equal(found.length, 1);
  assert.ok(Math.abs(found[0]!.end - whole.end) <= 5 * FRAME_SAMPLES, `${found[0]!.end} ${whole.end}`);
});

test('speech of which nothing more arrives ends within 800 ms', () => {
  const said = line(at(-25, voice(3)), SECOND);
  const { end } = stretches(said, 'normal', [100, 1000])[0]!;
  assert.ok(end < 2.8 * SECOND, `${end}`);
});

test('the nearer the noise is to the caller, the longer the end of a word is waited for', () => {
  const waited = [40, 20, 10].map((snr) => {
    const said = line(at(-25, voice(3)), 2 * SECOND);
    const hiss = at(-25 - snr, noise(6));
    return stretches(said.map((sample, index) => sample + hiss[index]!))[0]!.end - 5 * SECOND;
  });
  assert.ok(waited[0]! <= waited[1]! && waited[1]! < waited[2]!, waited.join(' '));
  assert.ok(waited[2]! < 0.7 * SECOND, waited.join(' '));
});

test('after six seconds without a pause a last word that trails off is heard to its end', () => {
  // Between syllables the voice falls by 12 dB only; at last it dies away over a second, 27 dB down.
  const trailing = (sound: Int16Array) =>
    sound.map((sample, index) => sample * 10 ** (-1.35 * Math.max(0, index / SECOND - 5)));
  const syllables = trailing(at(-20, voice(6)));
  const vowel = trailing(at(-32, tone(6, 130, 390, 650, 910, 1430, 2210)));
  const said = syllables.map((sample, index) => sample + vowel[index]!);
  const found = stretches(line(said, SECOND));
  assert.equal(found.length, 1);
  assert.ok(found[0]!.end > 7.1 * SECOND, `${found[0]!.end / SECOND}`);
});

test('voices in the room, 16 dB below the caller, are not the caller once the caller has been heard', () => {
  const near = line(at(-20, voice(3)), SECOND);
  const samples = new Int16Array(16 * SECOND);
  samples.set(near);
  const far = at(-36, voice(12));
  for (const [index, sample] of far.entries()) samples[4 * SECOND + index]! += sample;
  const hiss = at(-50, noise(16));
  const found = stretches(samples.map((sample, index) => sample + hiss[index]!));
  const spoken = found.reduce((sum, { decided, end }) => sum + end - decided, 0);
  assert.ok(spoken < 5 * SECOND, `${spoken / SECOND} s`);
});

test('recorded speech is heard from its first word on, at usual levels and 20 dB below', {
  skip: missing('/usr/share/asterisk/sounds/en_US_f_Allison'),
}, () => {
  const names = readdirSync(SOUNDS).filter(
    (name) => name.endsWith('.wav') && !/beep|tone|silence/.test(name),
  );
  let unheard = 0;
  let late = 0;
  for (const name of names) {
    const clip = recorded(name);
    // A letter of the alphabet, cut close: no word that a caller would say alone.
    if (clip.length < 0.4 * SECOND) continue;
    const peak = clip.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
    const begins = clip.findIndex((sample) => Math.abs(sample) > peak / 20);
    for (const gain of [1, 0.1]) {
      const found = stretches(
        line(
          clip.map((sample) => sample * gain),
          2 * SECOND,
        ),
      );
      if (found.length === 0) unheard++;
      else if (found[0]!.onset > 2 * SECOND + begins) late++;
    }
  }
  assert.ok(names.length > 100);
  assert.equal(unheard, 0);
  assert.ok(late <= names.length / 50, `${late} of ${names.length * 2} clips cut at their beginning`);
});
