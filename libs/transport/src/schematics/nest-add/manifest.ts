import { BROKERS, type BrokerChoice } from './brokers.js';

interface Manifest {
  readonly name?: string;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

const SCRIPTS = { 'broker:up': 'docker compose up --detach --wait', 'broker:down': 'docker compose down' };

/** The package.json with the packages and scripts for a broker. What is there already wins, so a second time changes nothing. */
export function manifestFor(text: string, broker: BrokerChoice): string {
  const manifest = JSON.parse(text) as Manifest;
  const present = { ...manifest.devDependencies, ...manifest.dependencies };
  const nest = present['@nestjs/common'] ?? '^12.0.0';
  const wanted = { ...BROKERS[broker].packages, '@nestjs/microservices': nest };
  const missing = Object.entries(wanted).filter(([name]) => !(name in present));
  const dependencies = { ...manifest.dependencies, ...Object.fromEntries(missing) };
  const scripts = BROKERS[broker].compose === undefined ? {} : SCRIPTS;
  const changed = {
    ...manifest,
    scripts: { ...scripts, ...manifest.scripts },
    dependencies: Object.fromEntries(Object.entries(dependencies).sort(([a], [b]) => (a < b ? -1 : 1))),
  };
  const nothingNew = missing.length === 0 && Object.keys(scripts).every((name) => name in (manifest.scripts ?? {}));
  return nothingNew ? text : `${JSON.stringify(changed, undefined, 2)}\n`;
}

/** The service's name where none is given: the package's, without its scope. */
export const serviceIn = (text: string): string =>
  (JSON.parse(text) as Manifest).name?.replace(/^@[^/]+\//, '') || 'app';
