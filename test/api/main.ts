// `npm run api` says what changed in the public surface and ends with 1; `npm run api -- --write` accepts it.
import { join } from 'node:path';
import { root } from '../architecture/tree.js';
import { entryPoints } from '../docs/sources.js';
import { changes, keep, keptReports } from './kept.js';
import { leaksIn, reportsOf } from './reports.js';

const now = reportsOf({ folder: join(root, 'libs/transport/src'), entryPoints: entryPoints() });
const leaks = leaksIn(now);
if (leaks.length > 0) {
  console.error(`Types of a client library are public; declare the part of them that is meant:\n${leaks.join('\n')}`);
  process.exitCode = 1;
} else if (process.argv.includes('--write')) {
  keep(now);
} else {
  const changed = changes(keptReports(), now);
  if (changed !== '') process.exitCode = 1;
  console.log(changed || 'The public surface is as it was.');
}
