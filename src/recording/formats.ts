/** The formats that a recording is to be had in. */
export type RecordingFormat = 'wav' | 'mp3' | 'flac' | 'ogg';

export interface FormatFacts {
  readonly contentType: string;
  /** Of a file's name, with its point. */
  readonly suffix: string;
}

export const FORMATS: Readonly<Record<RecordingFormat, FormatFacts>> = {
  wav: { contentType: 'audio/wav', suffix: '.wav' },
  mp3: { contentType: 'audio/mpeg', suffix: '.mp3' },
  flac: { contentType: 'audio/flac', suffix: '.flac' },
  ogg: { contentType: 'audio/ogg', suffix: '.ogg' },
};

/** Samples a second in the finished file. */
export const FILE_RATE = 16_000;

/** What a recording's file is given out as. */
export function fileOf(recordingId: string, format: RecordingFormat) {
  const { contentType, suffix } = FORMATS[format];
  return { contentType, fileName: `recording-${recordingId}${suffix}` };
}
