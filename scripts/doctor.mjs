// npm run doctor: what this machine has, what is missing, and the command that brings it. Exit code 1 when something is.
import { diagnose } from './lib/diagnosis.mjs';

const findings = await diagnose();
const width = Math.max(...findings.map(({ name }) => name.length));
const lines = findings.flatMap(({ state, name, value, remedy }) => [
  `${state.padEnd(8)} ${name.padEnd(width)}  ${value}\n`,
  ...(remedy ? [`${' '.repeat(width + 9)}  -> ${remedy}\n`] : []),
]);
const missing = findings.filter(({ state }) => state === 'missing');
const verdict =
  missing.length === 0
    ? '\nAll is there. Try: npm run demo, npm test\n'
    : `\nMissing: ${missing.map(({ name }) => name).join(', ')}. The arrows say what to run.\n`;
process.stdout.write(lines.join('') + verdict);
process.exitCode = missing.length === 0 ? 0 : 1;
