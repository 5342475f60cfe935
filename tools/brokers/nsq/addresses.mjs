import { probeNsqd, probeNsqHttp } from './probe.mjs';

/** In the order of their ports in `compose.yaml` and `ports`. */
export const NSQ_VARIABLES = /** @type {const} */ (['NSQD_TCP', 'NSQD_HTTP', 'NSQLOOKUPD_HTTP']);
export const USUAL_PORTS = { NSQD_TCP_PORT: 4150, NSQD_HTTP_PORT: 4151, NSQLOOKUPD_HTTP_PORT: 4161 };

/** @typedef {{ NSQD_TCP: string, NSQD_HTTP: string, NSQLOOKUPD_HTTP: string }} NsqEnv host:port, several by commas */

/** @param {readonly number[]} ports in the order of NSQ_VARIABLES */
export const envOfPorts = (ports) =>
  /** @type {NsqEnv} */ (Object.fromEntries(NSQ_VARIABLES.map((name, i) => [name, `127.0.0.1:${ports[i]}`])));

/**
 * @param {Record<string, string | undefined>} env
 * @returns {Promise<string | undefined>} undefined when everything is named and answers
 */
export async function whyNot(env) {
  const absent = NSQ_VARIABLES.filter((name) => !env[name]);
  const set = NSQ_VARIABLES.filter((name) => env[name]);
  if (absent.length > 0) return `${set.join(' and ')} is set, but not ${absent.join(' and ')}`;
  const asked = NSQ_VARIABLES.flatMap((name) => (env[name] ?? '').split(',').map((address) => ({ name, address })));
  const answers = await Promise.all(
    asked.map(async ({ name, address }) => {
      const answer = await (name === 'NSQD_TCP' ? probeNsqd : probeNsqHttp)(address.trim());
      return answer.ok ? undefined : `${name} is set, but ${answer.why}`;
    }),
  );
  return answers.find((why) => why !== undefined);
}
