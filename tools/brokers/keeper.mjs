// Runs one server for a parent and never outlives it: `node keeper.mjs '{"command","args","cwd","env","log","ready","removeOnOrphan"}'`
//
//   parent ---- IPC channel ---- keeper ---- server
//
// When the parent ends in any way, SIGKILL included, the channel closes; then the server is killed and its folder removed.
// The keeper also drains the server's output, so a busy parent cannot stall a broker that logs.
import { spawn } from 'node:child_process';
import { createWriteStream, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';

const { command, args, cwd, env = {}, log, ready, removeOnOrphan } = JSON.parse(process.argv[2] ?? '{}');
const readyLine = new RegExp(ready);
const logFile = createWriteStream(log, { flags: 'a' });
const server = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });

/** @param {object} message */
const tell = (message) => {
  if (process.connected) process.send?.(message, () => undefined);
};

for (const output of [server.stdout, server.stderr]) {
  createInterface({ input: output }).on('line', (line) => {
    logFile.write(`${line}\n`);
    if (readyLine.test(line)) tell({ kind: 'ready' });
  });
}

server.once('spawn', () => tell({ kind: 'spawned', pid: server.pid }));
server.once('error', (error) => end({ kind: 'failed', message: error.message }));
server.once('close', (code, signal) => end({ kind: 'exited', code, signal }));

let orphaned = false;
process.once('disconnect', () => {
  orphaned = true;
  server.kill('SIGKILL');
});
// Ctrl-C and a polite kill are the parent's business: it stops us by the channel, in its own order.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined);

/** @param {object} message */
function end(message) {
  if (orphaned) {
    if (removeOnOrphan) rmSync(removeOnOrphan, { recursive: true, force: true });
    process.exit(0);
  }
  // The log is on the disk before the parent hears of the end, because it will quote the log's last lines.
  logFile.end(() => (process.connected ? process.send?.(message, () => process.exit(0)) : process.exit(0)));
}
