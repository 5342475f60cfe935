import { setTimeout as pause } from 'node:timers/promises';

/** Groups of the suite as it names them; others on the same server are none of its business. */
const SERVICE_OF_THE_SUITE = /^members-[0-9a-f]{12}/;
/** An instance's own queue: `members-... .<instance>:topic`. */
const INSTANCES_QUEUE = /^members-[0-9a-f]{12}(-[a-z0-9]+)*\.[0-9a-f]{8}:/;
/** The management page learns of what ended by messages of its own. */
const PATIENCE_MS = 10_000;

/** Connections and temporary queues that the server still has although their applications are closed. */
export async function lingeringOn(managementUrl: string): Promise<string[]> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const left = [...(await connections(managementUrl)), ...(await instanceQueues(managementUrl))];
    if (left.length === 0 || performance.now() > deadline) return left;
    await pause(100);
  }
}

async function connections(managementUrl: string): Promise<string[]> {
  const all = await ask<{ user_provided_name?: string }>(managementUrl, 'connections');
  return all
    .map(({ user_provided_name: name = '' }) => name)
    .filter((name) => SERVICE_OF_THE_SUITE.test(name))
    .map((name) => `connection "${name}" is still open`);
}

async function instanceQueues(managementUrl: string): Promise<string[]> {
  const all = await ask<{ name: string }>(managementUrl, 'queues');
  return all.filter(({ name }) => INSTANCES_QUEUE.test(name)).map(({ name }) => `queue "${name}" is left`);
}

async function ask<Item>(managementUrl: string, what: string): Promise<Item[]> {
  const authorization = `Basic ${Buffer.from('guest:guest').toString('base64')}`;
  const response = await fetch(`${managementUrl}/api/${what}`, { headers: { authorization } });
  if (!response.ok) throw new Error(`${managementUrl}/api/${what} answered ${response.status}`);
  return (await response.json()) as Item[];
}
