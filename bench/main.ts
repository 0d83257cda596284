// npm run bench -- capacity [--seconds 5] [--max 3200] [--first 100] [--workers 1] [--per-second 25] [--listen]
// npm run bench -- api [--seconds 12] [--clients 16]
// npm run bench -- hearing [--quick] [--voices en,fr,es,readers]
// npm run bench -- formats
// npm run bench -- at-rest
// npm run bench -- soak [--calls 500] [--minutes 60] [--seed 1]
// npm run bench -- kill [--rounds 50] [--calls 12] [--seed 1]
// npm run bench -- srtp
// npm run bench -- webrtc [--calls 100] [--seconds 10]
// npm run bench -- page
import { Command, InvalidArgumentError } from 'commander';
import { api } from './api.ts';
import { atRest } from './at-rest.ts';
import { capacity } from './capacity.ts';
import { formats } from './formats.ts';
import { VOICES, type Voice } from './hearing/sounds.ts';
import { hearing } from './hearing.ts';
import { kill } from './kill.ts';
import { page } from './page.ts';
import { soak } from './soak.ts';
import { srtp } from './srtp.ts';
import { webrtc } from './webrtc.ts';

const program = new Command('bench').description('One question each; prints a table and one JSON line.');

program
  .command('capacity')
  .description('How many recorded calls do media workers carry, and what does a packet cost it?')
  .option('--seconds <n>', 'how long each step is measured', positive, 5)
  .option('--max <calls>', 'the most calls to try', positive, 3200)
  .option('--first <calls>', 'the first step', positive, 100)
  .option('--workers <n>', 'media workers', positive, 1)
  .option('--per-second <n>', 'calls set up in a second', positive, 25)
  .option('--listen', 'callers do not speak but hear a prompt, into which they may break')
  .action(capacity);

program
  .command('api')
  .description('How fast is a record accepted, beside a plain route of the same web server?')
  .option('--seconds <n>', 'how long each of the two is measured', positive, 12)
  .option('--clients <n>', 'requests at one time, at most one a call', positive, 16)
  .action(api);

program
  .command('hearing')
  .description('How well are speech, pauses and keys heard, in noise and with loss?')
  .option('--quick', 'an eighth of the calls')
  .option('--voices <names>', `whose speech, of ${VOICES.join(',')}`, voices, [...VOICES])
  .action(hearing);

program
  .command('formats')
  .description('What does it cost to make a finished file of each format?')
  .action(formats);

program
  .command('at-rest')
  .description('What does encryption cost the spool, the encoder and who reads?')
  .action(atRest);
program.command('srtp').description('What does it cost to protect a packet?').action(srtp);

program
  .command('webrtc')
  .description('What does a call of a browser cost, beside one over plain RTP?')
  .option('--calls <n>', 'up at one time', positive, 100)
  .option('--seconds <n>', 'how long each is measured, twice', positive, 10)
  .action(webrtc);

program
  .command('page')
  .description('How soon can the console be used, by a browser that has never been there?')
  .action(page);

program
  .command('soak')
  .description(
    'Do memory, ports, files and timers stay as they are under calls that come and go, and is every recording right?',
  )
  .option('--calls <n>', 'up at one time', positive, 500)
  .option('--minutes <n>', 'how long', positive, 60)
  .option('--seed <n>', 'of what callers and bots do', positive, 1)
  .action(soak);

program
  .command('kill')
  .description(
    'Does a server that is killed at random moments lose anything? Ends at the first promise that is broken.',
  )
  .option('--rounds <n>', 'kills', positive, 50)
  .option('--calls <n>', 'in each round', positive, 12)
  .option('--seed <n>', 'of the moments, and of what calls do', positive, 1)
  .action(kill);

await program.parseAsync();

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError('It must be a whole number from 1.');
  return value;
}

function voices(text: string): Voice[] {
  return text.split(',').map((name) => {
    const voice = VOICES.find((one) => one === name);
    if (voice === undefined) throw new InvalidArgumentError(`There are ${VOICES.join(', ')}.`);
    return voice;
  });
}
