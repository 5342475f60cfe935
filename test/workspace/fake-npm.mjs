// Stands for npm-cli.js in a small clone: notes how it was called, then does what FAKE_NPM says.
import { appendFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

const { FAKE_NPM = 'ok', FAKE_NPM_CALLS = '', NODE_ENV } = process.env;
const config = Object.keys(process.env).filter((name) => name.startsWith('npm_config_'));
appendFileSync(FAKE_NPM_CALLS, `${JSON.stringify({ args: process.argv.slice(2), config, NODE_ENV })}\n`);

rmSync('node_modules', { recursive: true, force: true });
mkdirSync('node_modules/typescript/bin', { recursive: true });
// Said when half of an install is there: whoever kills it on hearing this leaves that half behind.
process.stdout.write('fake npm talks\n');
if (FAKE_NPM === 'fail') process.exit(7);
if (FAKE_NPM === 'hang') setInterval(() => undefined, 2 ** 30);
else if (FAKE_NPM === 'slow') {
  const watch = setInterval(() => {
    if (!existsSync('go-on')) return;
    clearInterval(watch);
    install();
  }, 10);
} else install();

function install() {
  cpSync('tsc.mjs', 'node_modules/typescript/bin/tsc');
  writeFileSync('node_modules/typescript/package.json', '{ "type": "module" }');
  // npm's own record, which it writes last of all.
  writeFileSync('node_modules/.package-lock.json', readFileSync('package-lock.json'));
}
