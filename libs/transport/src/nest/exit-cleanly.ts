import type { INestApplication, INestMicroservice } from '@nestjs/common';
import { TransportRuntime } from './transport-runtime.js';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/** Lets Nest close the application on SIGTERM and SIGINT, and makes the process end with 0 and not by the signal. */
export function exitCleanlyOnSignals(app: INestApplication | INestMicroservice): void {
  app.enableShutdownHooks([...SIGNALS], { useProcessExit: true });
  endWithZeroOnOlderNest(app.get(TransportRuntime, { strict: false }));
}

/**
 * A Nest that does not know `useProcessExit` sends itself the signal again when all hooks are done. Whoever still listens
 * then decides how the process ends.
 */
function endWithZeroOnOlderNest(runtime: TransportRuntime): void {
  let signalled = false;
  const onSignal = (): void => {
    if (signalled && runtime.phase === 'closed') process.exit(0);
    signalled = true;
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  // Why only when no signal came: an application that is closed by hand must leave no listener behind.
  void runtime.closed.then(() => {
    if (!signalled) for (const signal of SIGNALS) process.off(signal, onSignal);
  });
}
