import { runCommand } from '@demo/platform';
import { demo } from './demo.js';

await runCommand(() => demo(process.argv.slice(2), process.env));
