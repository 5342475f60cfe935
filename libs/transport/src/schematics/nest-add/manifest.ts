import { BROKERS, type BrokerChoice } from './brokers.js';

interface Manifest {
  readonly name?: string;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

const SCRIPTS = { 'broker:up': 'docker compose up --detach --wait', 'broker:down': 'docker compose down' };

/** The packages that an application on these brokers needs in addition to ours. */
export const packagesFor = (brokers: readonly BrokerChoice[]): string[] => [
  '@nestjs/microservices',
  ...brokers.flatMap((broker) => Object.keys(BROKERS[broker].packages)),
];

/** The package.json with the packages and scripts for brokers. What is there already wins, so a second time changes nothing. */
export function manifestFor(text: string, brokers: readonly BrokerChoice[]): string {
  const manifest = JSON.parse(text) as Manifest;
  const missing = missingPackages(manifest, brokers);
  const needsScripts = brokers.some((broker) => BROKERS[broker].compose !== undefined);
  const scripts = { ...(needsScripts ? SCRIPTS : {}), ...manifest.scripts };
  if (missing.length === 0 && Object.keys(scripts).every((name) => name in (manifest.scripts ?? {}))) return text;
  const dependencies = Object.entries({ ...manifest.dependencies, ...Object.fromEntries(missing) });
  const changed = {
    ...manifest,
    scripts,
    dependencies: Object.fromEntries(dependencies.sort(([a], [b]) => (a < b ? -1 : 1))),
  };
  const [, indent = '  '] = /^([ \t]+)"/m.exec(text) ?? [];
  return `${JSON.stringify(changed, undefined, indent)}\n`;
}

function missingPackages(manifest: Manifest, brokers: readonly BrokerChoice[]): [name: string, version: string][] {
  const present = { ...manifest.devDependencies, ...manifest.dependencies };
  const clients = Object.assign({}, ...brokers.map((broker) => BROKERS[broker].packages)) as Record<string, string>;
  const wanted = { ...clients, '@nestjs/microservices': present['@nestjs/common'] ?? '^12.0.0' };
  return Object.entries(wanted).filter(([name]) => !(name in present));
}

/** The name in the package.json, without its scope. */
export const packageName = (text: string): string | undefined =>
  (JSON.parse(text) as Manifest).name?.replace(/^@[^/]+\//, '');
