// What tests may use of the demo: the whole of it, and its parts for a shop of their own.
export { BrokerProbe } from './broker-probe.js';
export { demo } from './demo.js';
export { Shop, type RunningService, type ShopOptions } from './shop.js';
