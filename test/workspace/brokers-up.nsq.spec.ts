import { describeStandingBroker } from './standing-broker.js';

describeStandingBroker('nsq');
