// Lints texts under the names of files that exist, in one process: node lint-texts.mjs < [{"filename","text"}, ...]
// The typed rules read types through the project, and loading that is what takes time.
import { text } from 'node:stream/consumers';
import { ESLint } from 'eslint';

/** @type {{ filename: string, text: string }[]} */
const inputs = JSON.parse(await text(process.stdin));
const eslint = new ESLint();
const results = [];
for (const input of inputs) {
  const [result] = await eslint.lintText(input.text, { filePath: input.filename });
  results.push(result?.messages ?? []);
}
process.stdout.write(JSON.stringify(results));
