// Asks the npm registry for known holes in what is installed with Tonearm, and fails for those that are high or critical. Not every registry
// answers that; one that does not, or cannot be reached, is told and fails nothing. Plain JavaScript, as scripts/test.mjs is.
import { spawnSync } from 'node:child_process';

const LONGEST_MS = 60_000;
const args = ['audit', '--omit=dev', '--json', '--fetch-retries=1', '--fetch-timeout=20000'];
const { stdout, stderr, error } = spawnSync('npm', args, { encoding: 'utf8', timeout: LONGEST_MS });
const report = parsed(stdout ?? '');

if (report?.auditReportVersion === undefined) {
  const why = error?.code ?? report?.statusCode ?? /\b(E[A-Z]{4,})\b/.exec(stderr ?? '')?.[1] ?? 'no report';
  console.log(`SKIPPED: npm audit (the registry does not answer it: ${why})`);
} else {
  const { low = 0, moderate = 0, high = 0, critical = 0 } = report.metadata?.vulnerabilities ?? {};
  console.log(`npm audit: ${critical} critical, ${high} high, ${moderate} moderate, ${low} low`);
  for (const { name, severity, range, via } of Object.values(report.vulnerabilities ?? {})) {
    const titles = via.map((cause) => (typeof cause === 'string' ? `by ${cause}` : cause.title));
    console.log(`  ${severity}  ${name} ${range}: ${titles.join('; ')}`);
  }
  if (high + critical > 0) process.exitCode = 1;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
