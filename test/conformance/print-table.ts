/*
 * Prints the broker table of the last conformance runs on this machine; `--write` puts it into README.md.
 *
 *   node --conditions=nest-transport:source --import ./tools/typescript-loader.mjs test/conformance/print-table.ts --write
 */
import { readReports, reportsFolder } from './reports.js';
import { brokerTable, writeTable } from './table.js';

const reports = readReports();
if (reports.length === 0) {
  console.error(`No conformance report in ${reportsFolder()}. Run the suites first: npm run test:kafka`);
  process.exitCode = 1;
} else if (process.argv.includes('--write')) writeTable(reports);
else console.log(brokerTable(reports));
