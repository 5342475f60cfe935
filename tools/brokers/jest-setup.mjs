// For `npx jest --selectProjects kafka` by hand; `npm test` has the broker up before and this finds it by its variable.
import { brokers } from './index.mjs';

/** @type {import('./index.mjs').SharedBroker[]} */
const started = [];

/**
 * @param {unknown} _global
 * @param {{ displayName?: { name: string } }} project named after its broker
 */
export default async function setup(_global, project) {
  const name = project.displayName?.name ?? '';
  const known = brokers[name];
  if (known === undefined) throw new Error(`tools/brokers/index.mjs knows no broker "${name}".`);
  const broker = await known.use();
  started.push(broker);
  Object.assign(process.env, broker.env);
}

export async function stopStarted() {
  await Promise.all(started.splice(0).map((broker) => broker.stop()));
}
