import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SyntheticModule } from 'node:vm';
import { brokers } from './tools/brokers/index.mjs';
import { swcOptions } from './tools/swc-options.mjs';

if (typeof SyntheticModule !== 'function') {
  throw new Error(
    'Jest runs ES modules here and needs a Node flag. Run: npm run test:unit, or ' +
      'NODE_OPTIONS=--experimental-vm-modules npx jest --selectProjects <name>',
  );
}

const rootDir = fileURLToPath(new URL('.', import.meta.url));
const require = createRequire(import.meta.url);

/**
 * A spec named `x.kafka.spec.ts`, wherever it lies in test/, and every spec in test/kafka/ needs that broker
 * and runs in the project of that name.
 */
const BROKERS = Object.keys(brokers);

const shared = {
  rootDir,
  // Projects transform the same sources in the same way: by this name those of one clone share what is transformed.
  id: createHash('sha1').update(rootDir).digest('hex'),
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['nest-transport:source', 'node', 'node-addons'] },
  extensionsToTreatAsEsm: ['.ts'],
  moduleFileExtensions: ['js', 'mjs', 'cjs', 'ts', 'json', 'node'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  // n.b. our own dist only: a bare '/dist/' would hide half of node_modules.
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/libs/[^/]+/dist/'],
  transform: { '\\.ts$': [require.resolve('@swc/jest'), swcOptions] },
};

const testFolders = () =>
  existsSync(join(rootDir, 'test'))
    ? readdirSync(join(rootDir, 'test'), { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => entry.name)
        .sort()
    : [];

const brokerSpec = `\\.(${BROKERS.join('|')})\\.spec\\.ts$`;

/** `unit`: beside the sources. One project per folder of test/. One per broker, over all folders of test/. */
const projects = [
  {
    ...shared,
    displayName: 'unit',
    testMatch: ['<rootDir>/libs/**/*.spec.ts', '<rootDir>/apps/**/*.spec.ts'],
  },
  ...testFolders()
    .filter((folder) => !BROKERS.includes(folder))
    .map((folder) => ({
      ...shared,
      displayName: folder,
      testMatch: [`<rootDir>/test/${folder}/**/*.spec.ts`],
      testPathIgnorePatterns: ['/node_modules/', brokerSpec],
    })),
  ...BROKERS.map((broker) => ({
    ...shared,
    displayName: broker,
    testMatch: [`<rootDir>/test/**/*.${broker}.spec.ts`, `<rootDir>/test/${broker}/**/*.spec.ts`],
    globalSetup: '<rootDir>/tools/brokers/jest-setup.mjs',
    globalTeardown: '<rootDir>/tools/brokers/jest-teardown.mjs',
  })),
];

export default {
  projects,
  testTimeout: 90_000,
  testSequencer: '<rootDir>/tools/longest-first.mjs',
  // n.b. modules of ES are never freed: after many files a process would hold gigabytes.
  workerIdleMemoryLimit: '1GB',
};
