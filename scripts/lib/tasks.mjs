import { existsSync } from 'node:fs';
import { endLike, runChild } from './child.mjs';
import { cleanEnvironment } from './environment.mjs';
import { ensureInstalled, InstallFailed } from './install.mjs';
import { inRoot, root } from './paths.mjs';

/**
 * @typedef {object} Task
 * @property {string} about one line for the list that an unknown name gets
 * @property {string[]} node arguments of Node; the user's own arguments come after them
 * @property {string} [needs] a file that another part of the house brings
 * @property {boolean} [withoutInstall] works on a bare clone
 */

/** Node runs TypeScript, and our own packages from src/. */
const fromSource = [
  '--enable-source-maps',
  '--conditions=nest-transport:source',
  '--import',
  './tools/typescript-loader.mjs',
];
export const jest = [
  '--disable-warning=ExperimentalWarning',
  '--experimental-vm-modules',
  'node_modules/jest/bin/jest.js',
];

/** @type {Record<string, Task>} */
export const tasks = {
  demo: { about: 'both sample services in one process', node: [...fromSource, 'apps/demo/src/main.ts'] },
  example: {
    about: 'a small program: -- 01-hello; without a name the list',
    node: [...fromSource, 'scripts/example.mjs'],
  },
  test: { about: 'everything, real brokers included', node: ['scripts/test.mjs'] },
  'test:unit': { about: 'specs beside the sources; seconds', node: [...jest, '--selectProjects', 'unit'] },
  'test:kafka': { about: 'every suite that needs Kafka', node: ['scripts/test.mjs', '--only', 'kafka'] },
  'test:nats': { about: 'every suite that needs NATS', node: ['scripts/test.mjs', '--only', 'nats'] },
  'test:nsq': { about: 'every suite that needs NSQ', node: ['scripts/test.mjs', '--only', 'nsq'] },
  'test:rabbitmq': { about: 'every suite that needs RabbitMQ', node: ['scripts/test.mjs', '--only', 'rabbitmq'] },
  bench: { about: 'the bench', node: [...fromSource, 'test/bench/main.ts'], needs: 'test/bench/main.ts' },
  api: {
    about: 'what changed in the public surface; -- --write accepts it',
    node: [...fromSource, 'test/api/main.ts'],
  },
  doctor: { about: 'what is missing, and how to get it', node: ['scripts/doctor.mjs'], withoutInstall: true },
  'brokers:up': {
    about: 'starts brokers and leaves them up',
    node: ['scripts/brokers.mjs', 'up'],
    withoutInstall: true,
  },
  'brokers:down': { about: 'ends them', node: ['scripts/brokers.mjs', 'down'], withoutInstall: true },
  docs: {
    about: 'the documentation as a site, into docs/.vitepress/dist',
    node: ['node_modules/vitepress/bin/vitepress.js', 'build', 'docs'],
  },
  'docs:options': {
    about: 'tables of driver options that differ from the docstrings; -- --write writes them',
    node: [...fromSource, 'test/docs/print-options.ts'],
  },
  lint: { about: 'eslint and the prettier check', node: ['scripts/lint.mjs'] },
  typecheck: { about: 'tsc over everything', node: ['node_modules/typescript/bin/tsc', '--noEmit'] },
  build: { about: 'the package and the apps into dist', node: ['scripts/build.mjs'] },
  release: {
    about: '-- --dry-run: checks, builds and packs what would be published, and publishes nothing',
    node: ['scripts/release.mjs'],
  },
  format: {
    about: 'prettier --write',
    node: ['node_modules/prettier/bin/prettier.cjs', '--log-level=warn', '--write', '.'],
  },
};

/** @param {string[]} argv name of the task, then what the user wrote after `--` */
export async function main([name = '', ...args]) {
  const task = tasks[name];
  if (task === undefined) return refuse(`Unknown task "${name}". There are:\n${list()}`);
  if (task.needs && !existsSync(inRoot(task.needs)))
    return refuse(`npm run ${name}: ${task.needs} does not exist yet.`);
  try {
    if (!task.withoutInstall) await ensureInstalled();
  } catch (error) {
    if (!(error instanceof InstallFailed)) throw error;
    process.stderr.write(`[install] ${error.message}\n`);
    return endLike(error.exit);
  }
  const env = cleanEnvironment(process.env);
  endLike(await runChild(process.execPath, [...task.node, ...args], { cwd: root, env }));
}

/** @param {string} sentence */
function refuse(sentence) {
  process.stderr.write(`${sentence}\n`);
  process.exitCode = 1;
}

const list = () =>
  Object.entries(tasks)
    .map(([name, { about }]) => `  npm run ${name.padEnd(14)} ${about}`)
    .join('\n');
