import type { Target } from './target.ts';
import { agent } from './targets/agent.ts';
import { digest } from './targets/digest.ts';
import { framing } from './targets/framing.ts';
import { line } from './targets/line.ts';
import { rtcp, rtp } from './targets/media-packets.ts';
import { sdp } from './targets/sdp.ts';
import { sip } from './targets/sip.ts';
import { wav } from './targets/wav.ts';

/** Those that need nothing but the code they call. */
export const TARGETS: readonly Target[] = [sip, framing, sdp, digest, rtp, rtcp, wav, line, agent];
