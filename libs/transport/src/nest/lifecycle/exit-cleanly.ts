import type { INestApplication, INestMicroservice } from '@nestjs/common';
import { TransportRuntime } from '../transport-runtime.js';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/** npm passes a Ctrl-C on to a process that had it from the terminal already; what comes later is a second one. */
const ECHO_MS = 250;
/** What a shell reports of a process that SIGINT ended. */
const INTERRUPTED = 130;

/**
 * Closes the application on SIGTERM and SIGINT, then exits with code 0 instead of ending by the signal.
 * A second Ctrl-C exits at once with code 130: unsettled messages are redelivered.
 */
export function exitCleanlyOnSignals(app: INestApplication | INestMicroservice): void {
  app.enableShutdownHooks([...SIGNALS], { useProcessExit: true });
  watchSignals(app.get(TransportRuntime, { strict: false }));
}

/**
 * A Nest that does not know `useProcessExit` sends itself the signal again when all hooks are done. Whoever still listens
 * then decides how the process ends.
 */
function watchSignals(runtime: TransportRuntime): void {
  let signalledAt: number | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (signalledAt === undefined) return void (signalledAt = performance.now());
    if (runtime.phase === 'closed') process.exit(0);
    if (signal === 'SIGINT' && performance.now() - signalledAt > ECHO_MS) process.exit(INTERRUPTED);
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  // Why only when no signal came: an application that is closed by hand must leave no listener behind.
  void runtime.closed.then(() => {
    if (signalledAt === undefined) for (const signal of SIGNALS) process.off(signal, onSignal);
  });
}
