// npm run demo [-- --broker kafka --serve --json ...]: apps/demo from source. All arguments are the demo's own; this
// looks at one of them: for a real broker it finds one, or starts one that ends with the demo.
import { brokers, BrokerUnavailable } from '../test/brokers/index.mjs';
import { endLike, runChild } from './lib/child.mjs';
import { root } from './lib/paths.mjs';
import { fromSource } from './lib/tasks.mjs';

const args = process.argv.slice(2);

/** @param {string[]} argv */
function brokerIn(argv) {
  const at = argv.indexOf('--broker');
  return at >= 0 ? argv[at + 1] : argv.find((arg) => arg.startsWith('--broker='))?.slice('--broker='.length);
}

/** @returns {Promise<import('../test/brokers/index.mjs').SharedBroker | undefined>} */
async function findBroker() {
  // An unknown name is the demo's to refuse: it knows what it can run on.
  const use = brokers[brokerIn(args) ?? ''];
  const broker = await use?.();
  if (broker) process.stderr.write(`[demo] ${broker.source} broker: ${Object.values(broker.env).join(' ')}\n`);
  return broker;
}

try {
  const broker = await findBroker();
  const env = { ...process.env, ...broker?.env };
  const exit = await runChild(process.execPath, [...fromSource, 'apps/demo/src/main.ts', ...args], { cwd: root, env });
  await broker?.stop();
  endLike(exit);
} catch (error) {
  if (!(error instanceof BrokerUnavailable)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
