/** What is mutated: the messages of RFC 4475, and messages as phones, carriers and tests send them. */
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const TORTURE = join(dirname(createRequire(import.meta.url).resolve('sip/package.json')), 'test/messages');
const OWN = join(import.meta.dirname, 'corpus');

/** In the order of their names, so that a seed means the same on every machine. */
function filesOf(folder: string, ending: string): Buffer[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(ending))
    .sort()
    .map((name) => readFileSync(join(folder, name)));
}

/** `{tag}` and other names in braces stand for what the far end chose: see targets/agent.ts. */
export const DIALOG_MESSAGES: readonly Buffer[] = filesOf(join(OWN, 'sip'), '.sip');
export const SIP_MESSAGES: readonly Buffer[] = [...DIALOG_MESSAGES, ...filesOf(TORTURE, '.dat')];
export const SDP_BODIES: readonly Buffer[] = SIP_MESSAGES.map((bytes) => {
  const at = bytes.indexOf('\r\n\r\nv=0');
  return at < 0 ? Buffer.alloc(0) : bytes.subarray(at + 4);
}).filter((body) => body.length > 0);
