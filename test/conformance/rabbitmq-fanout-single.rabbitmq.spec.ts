import { runOnRabbitmq } from './rabbitmq-server.js';

// Why both in one run: one is about names, the other about who reads, and a run has its price.
runOnRabbitmq('rabbitmq with fanout exchanges and one active consumer', 1, {
  exchangeType: 'fanout',
  singleActiveConsumer: true,
});
