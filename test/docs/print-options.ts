// `npm run docs:options` names the pages whose tables of options differ from the docstrings, and exits with 1; with `-- --write` it writes them.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { read, root } from '../architecture/tree.js';
import { pagesWithOptions } from './options-table.js';

const stale = [...pagesWithOptions((path) => read(path).text)].filter(([path, text]) => read(path).text !== text);
const isWriting = process.argv.includes('--write');
for (const [path, text] of stale) {
  if (isWriting) writeFileSync(join(root, path), text);
  console.log(
    `${path}: ${isWriting ? 'written' : 'differs from the docstrings. Run: npm run docs:options -- --write'}`,
  );
}
if (stale.length === 0) console.log('The tables of options are those of the docstrings.');
else if (!isWriting) process.exitCode = 1;
