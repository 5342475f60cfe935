#!/usr/bin/env node
import { run } from './program.js';
import { takeTerminal } from './terminal.js';

const terminal = takeTerminal();
run(process.argv.slice(2), terminal).then(terminal.end, (error: unknown) => {
  terminal.tell(`${String(error)}\n`);
  terminal.end(1);
});
