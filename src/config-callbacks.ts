import type { Config } from './config.ts';
import { isLoopbackAddress } from './outbound/address.ts';
import { type CallbackRules, callbackRules } from './outbound/callbacks.ts';

/** Where bots may have themselves told: what the configuration allows, and this machine when nobody else reaches the server. */
export function callbacksOf(config: Config): CallbackRules {
  return callbackRules({ ...config.callbacks, loopback: isOfThisMachineAlone(config) });
}

/** A proxy before it would bring others in. */
function isOfThisMachineAlone({ http, sip }: Config): boolean {
  const isLocal = ({ address }: { readonly address: string }) => isLoopbackAddress(address);
  const publicHost = URL.parse(http.publicUrl ?? 'http://localhost/')?.hostname.replace(/^\[|\]$/g, '') ?? '';
  return (
    isLocal(http.listen) &&
    sip.listen.every(isLocal) &&
    !http.trustProxy &&
    (publicHost === 'localhost' || isLoopbackAddress(publicHost))
  );
}
