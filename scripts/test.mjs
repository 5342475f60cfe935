// npm test: every stage, a table of what it took, and one last line with the counts. Stages of a group run side by side:
//
//   1 type-check, lint, brokers up   2 bench   3 unit, test/<folder> ...   4 <broker> ..., smoke
//
// Stages are found, not listed: a new folder under test/ or a new `x.kafka.spec.ts` is run without a change here.
//   --only kafka,unit             only these
//   --install-system-packages     may install java, maven, ... by apt-get (CI does so by itself)
//   anything else goes to Jest
import { parseArgs } from './lib/test-arguments.mjs';
import { findStages } from './lib/stages.mjs';
import { runStages } from './lib/stage-runner.mjs';
import { summary } from './lib/summary.mjs';
import { endLike } from './lib/child.mjs';

const started = Date.now();
const { only, installSystemPackages, jestArguments } = parseArgs(process.argv.slice(2));
const stages = findStages().filter(({ name, alsoIn }) => !only || only.includes(name) || only.includes(alsoIn ?? ''));
const unknown = (only ?? []).filter((name) => !stages.some((stage) => stage.name === name));
if (unknown.length > 0) {
  const known = findStages().map(({ name }) => name);
  process.stderr.write(`npm test: no stage is named ${unknown.join(', ')}. There are: ${known.join(', ')}\n`);
  process.exit(1);
}
const { results, signal } = await runStages(stages, { installSystemPackages, jestArguments });
process.stdout.write(summary(results, Date.now() - started));
const failed = results.some((result) => result.failed > 0);
endLike(signal ? { code: null, signal } : { code: failed ? 1 : 0, signal: null });
