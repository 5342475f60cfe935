// One row in a process of its own: takes its order as JSON, prints its figures as JSON.
import 'reflect-metadata';
import { runCandidate, type RowOrder } from './candidates/index.js';

const figures = await runCandidate(JSON.parse(process.argv[2] ?? '') as RowOrder);
process.stdout.write(`${JSON.stringify(figures)}\n`, () => process.exit(0));
