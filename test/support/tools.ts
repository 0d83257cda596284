import { existsSync } from 'node:fs';

/** Programs and material that tests drive, and the Debian package each is in. */
const PACKAGES = {
  '/usr/bin/sipp': 'sip-tester',
  '/usr/bin/baresip': 'baresip-core',
  '/usr/bin/linphonec': 'linphone-cli',
  '/usr/bin/openssl': 'openssl',
  '/usr/bin/gnutls-cli': 'gnutls-bin',
  '/usr/bin/chromium': 'chromium',
  '/usr/bin/sox': 'sox',
  '/usr/bin/ffmpeg': 'ffmpeg',
  '/usr/share/asterisk/sounds/en_US_f_Allison': 'asterisk-core-sounds-en-wav',
  '/usr/share/asterisk/sounds/en_US_f_Allison/vm-intro.g722': 'asterisk-core-sounds-en-g722',
} as const;

/** For a test's `skip` option: false when it is here, else the sentence that says what to install. */
export function missing(...paths: (keyof typeof PACKAGES)[]): string | false {
  const absent = paths.filter((path) => !existsSync(path)).map((path) => PACKAGES[path]);
  return absent.length > 0 && `not installed: ${absent.join(', ')} (apt-get install ${absent.join(' ')})`;
}
