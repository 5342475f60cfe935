// The demo with as few orders as its invariants need: the stock fills some of them and refuses others. Tests run two at a time.
import { runCommand } from '@demo/platform';
import { demo } from './demo.js';

const ORDERS = 200;

await runCommand(() => demo(process.argv.slice(2), process.env, { orderCount: ORDERS }));
