import { promisesOfSchematics } from './schematics-guarantees.js';

describe('an application that the CLI of Nest 12 has just made, after the commands of the guide', () => {
  promisesOfSchematics(12);
});
