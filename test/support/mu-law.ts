import { createRequire } from 'node:module';

/** G.711 by a package that is not ours. Its entry point is CommonJS while its types say ESM, hence the require. */
const { alaw, mulaw } = createRequire(import.meta.url)('alawmulaw') as typeof import('alawmulaw');

export function encodeMuLaw(samples: Int16Array): Uint8Array {
  return mulaw.encode(samples);
}

export function encodeALaw(samples: Int16Array): Uint8Array {
  return alaw.encode(samples);
}
