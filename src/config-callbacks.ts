import type { Config } from './config.ts';
import { isLoopbackAddress } from './outbound/address.ts';
import { type CallbackRules, callbackRules } from './outbound/callbacks.ts';

/** Where bots may have themselves told: what the configuration allows, and this machine when nobody else reaches the server. */
export function callbacksOf(config: Config): CallbackRules {
  const isAlone = isOfThisMachineAlone(config) && config.sip.listen.every(isLocal);
  return callbackRules({ ...config.callbacks, loopback: isAlone });
}

/** Whether HTTP is for nobody but who is at this machine. A proxy before it would bring others in. */
export function isOfThisMachineAlone({ http }: Pick<Config, 'http'>): boolean {
  const publicHost = URL.parse(http.publicUrl ?? 'http://localhost/')?.hostname.replace(/^\[|\]$/g, '') ?? '';
  return (
    isLocal(http.listen) && !http.trustProxy && (publicHost === 'localhost' || isLoopbackAddress(publicHost))
  );
}

function isLocal({ address }: { readonly address: string }): boolean {
  return isLoopbackAddress(address);
}
