// Counts in a file, under the lock: reads, waits a moment, writes. Argument: the folder, how often.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withLock } from '../../scripts/lib/lock.mjs';

const [, , folder = '', times = '0'] = process.argv;
const file = join(folder, 'count');
for (let time = 0; time < Number(times); time++) {
  await withLock(join(folder, 'lock'), { pollMs: 1 }, async () => {
    const count = Number(await readFile(file, 'utf8'));
    await new Promise((resolve) => setImmediate(resolve));
    await writeFile(file, String(count + 1));
  });
}
