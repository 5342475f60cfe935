import { Stopwatch, WARM_UP, type Figures } from './figures.js';

/** Sends `from` to `to`, always with so many under way, as so many requests of users would. */
export async function sendAll(
  from: number,
  to: number,
  outstanding: number,
  send: (n: number) => Promise<unknown>,
): Promise<void> {
  let next = from;
  const user = async (): Promise<void> => {
    while (next < to) await send(next++);
  };
  await Promise.all(Array.from({ length: outstanding }, user));
}

/** Measures the sending of all but the warm-up. */
export async function measureSending(
  messages: number,
  sendRange: (from: number, to: number) => Promise<void>,
): Promise<Figures> {
  const warmUp = Math.floor(messages * WARM_UP);
  await sendRange(0, warmUp);
  const stopwatch = new Stopwatch();
  await sendRange(warmUp, messages);
  return stopwatch.stop(messages - warmUp);
}
