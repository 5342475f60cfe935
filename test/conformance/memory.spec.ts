import { memory } from 'nest-transport/memory';
import { runConformance } from 'nest-transport/conformance';
import { saveReport } from './reports.js';

// A driver's whole spec. It lives in the process, so there is no server to kill and no address that could be wrong.
runConformance(
  { describe, test, afterEach, afterAll },
  { name: 'memory', createBroker: () => memory(), refusedTopic: 'no spaces please', onReport: saveReport },
);
