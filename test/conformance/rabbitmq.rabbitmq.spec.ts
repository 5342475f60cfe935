import { runOnRabbitmq } from './rabbitmq-server.js';

runOnRabbitmq('rabbitmq', 3);
