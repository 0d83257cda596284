import type { Target } from './target.ts';
import { agent } from './targets/agent.ts';
import { digest } from './targets/digest.ts';
import { framing } from './targets/framing.ts';
import { line } from './targets/line.ts';
import { rtcp, rtp } from './targets/media-packets.ts';
import { sdp } from './targets/sdp.ts';
import { secure } from './targets/secure.ts';
import { serverTarget } from './targets/server.ts';
import { sip } from './targets/sip.ts';
import { wav } from './targets/wav.ts';

/** All of them; the server's starts one with its first input. */
export const TARGETS: readonly Target[] = [
  sip,
  framing,
  sdp,
  digest,
  rtp,
  rtcp,
  wav,
  line,
  secure,
  agent,
  serverTarget(),
];
