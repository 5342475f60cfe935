import { setTimeout as pause } from 'node:timers/promises';

const POLL_MS = 25;

/** Asks until the answer is the one wanted. @throws Error with the last answer when that takes longer than `timeoutMs` */
export async function until<Answer>(
  what: string,
  ask: () => Promise<Answer>,
  isWanted: (answer: Answer) => boolean,
  timeoutMs = 60_000,
): Promise<Answer> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (isWanted(answer)) return answer;
    if (performance.now() > deadline) {
      throw new Error(`${what} did not come within ${timeoutMs} ms; the last answer was ${JSON.stringify(answer)}`);
    }
    await pause(POLL_MS);
  }
}
