// The first command after a clone: `npm run demo`, `npm test`, ... all come through here.
// Built-ins only and no import before the Node check, because nothing is installed yet and Node may be an old one.
import { checkNodeVersion } from './lib/node-version.mjs';

checkNodeVersion();
const { main } = await import('./lib/tasks.mjs');
await main(process.argv.slice(2));
