// npm run example -- 01-hello: runs examples/01-hello/main.ts. The number alone is enough.
import { readdirSync } from 'node:fs';
import { inRoot } from './lib/paths.mjs';

const [name = ''] = process.argv.slice(2);
const examples = readdirSync(inRoot('examples')).filter((each) => /^\d\d-/.test(each));
const found = examples.find((each) => name !== '' && (each === name || each.startsWith(`${name}-`)));
if (found === undefined) {
  process.stderr.write(`There is no example "${name}". Run one of these:\n`);
  for (const each of examples) process.stderr.write(`  npm run example -- ${each}\n`);
  process.exitCode = 1;
} else {
  await import(`../examples/${found}/main.ts`);
}
