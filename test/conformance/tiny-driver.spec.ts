import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runConformance } from 'nest-transport/conformance';
import { tiny } from './tiny-driver.js';

const read = (path: string): string => readFileSync(fileURLToPath(new URL(path, import.meta.url)), 'utf8');

test('the guide for authors of drivers shows this driver, as it is run here', () => {
  expect(read('../../docs/guides/driver-authors.md')).toContain(read('tiny-driver.ts').trim());
});

runConformance({ describe, test, afterEach, afterAll }, { name: 'tiny', createBroker: tiny });
