import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { brokers, type Broker } from '../../tools/brokers/index.mjs';
import { KAFKA_VERSION } from '../../tools/brokers/kafka/jars.mjs';
import { NSQ_PROGRAMS } from '../../tools/brokers/nsq/programs.mjs';

const compose = readFileSync(fileURLToPath(new URL('../../compose.yaml', import.meta.url)), 'utf8');

/** What `npm run brokers:up` would ask for in vain. Prettier's check, in lint, says whether the file is YAML at all. */
function missing(text: string, { service, ports }: Pick<Broker, 'service' | 'ports'>): string[] {
  const lacks = new RegExp(`^  ${service}:$`, 'm').test(text) ? [] : [`service ${service}`];
  const variables = Object.entries(ports).map(([name, usual]) => `'127.0.0.1:\${${name}:-${usual}}:`);
  return [...lacks, ...variables.filter((line) => !text.includes(line))];
}

describe('compose.yaml', () => {
  it.each(Object.entries(brokers))('has the service of %s, on its usual ports, for this machine only', (_, broker) => {
    expect(missing(compose, broker)).toEqual([]);
  });

  it('would be caught without a service, with another port, and open to the network', () => {
    const nats = { service: 'nats', ports: { NATS_PORT: 4222 } };
    const good = "services:\n  nats:\n    ports:\n      - '127.0.0.1:${NATS_PORT:-4222}:4222'\n";
    expect(missing(good, nats)).toEqual([]);
    expect(missing(good.replace('  nats:', '  stan:'), nats)).toEqual(['service nats']);
    expect(missing(good.replace(':-4222', ':-4223'), nats)).toHaveLength(1);
    expect(missing(good.replace('127.0.0.1:', ''), nats)).toHaveLength(1);
  });

  it('has the versions that the local toolchains have, where both can be had', () => {
    expect(compose).toContain(`image: apache/kafka:${KAFKA_VERSION}\n`);
    expect(compose).toContain(`image: nsqio/nsq:${NSQ_PROGRAMS.version}\n`);
  });
});
