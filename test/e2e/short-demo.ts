// The demo with as few orders as its invariants need: the stock fills some of them and refuses others.
import { runCommand } from '@demo/platform';
// n.b. not from its index, which defines events before the demo has said what their topics begin with.
import { demo } from '../../apps/demo/src/demo.js';
import { SHORT_DEMO_ORDERS } from './short-demo-orders.js';

await runCommand(() => demo(process.argv.slice(2), process.env, { orderCount: SHORT_DEMO_ORDERS }));
