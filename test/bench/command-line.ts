import { parseArgs } from 'node:util';
import { SECTIONS, type Section } from './plan.js';

export interface BenchOptions {
  readonly rounds: number;
  readonly only: readonly Section[];
  readonly messages: number | undefined;
  readonly json: string | undefined;
}

export const USAGE = `npm run bench -- [--only ${SECTIONS.join('|')}] [--rounds n] [--messages n] [--json FILE]`;

/** @throws Error with a sentence for whoever typed it */
export function parseBenchOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string' },
      only: { type: 'string' },
      messages: { type: 'string' },
      json: { type: 'string' },
    },
  });
  return {
    rounds: count('--rounds', values.rounds) ?? 3,
    only: values.only === undefined ? SECTIONS : values.only.split(',').map(section),
    messages: count('--messages', values.messages),
    json: values.json,
  };
}

function count(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (/^[1-9]\d*$/.test(value)) return Number(value);
  throw new Error(`${name} must be a whole number >= 1, got "${value}".`);
}

function section(name: string): Section {
  const known = SECTIONS.find((candidate) => candidate === name);
  if (known === undefined) throw new Error(`--only takes ${SECTIONS.join(', ')}, got "${name}".`);
  return known;
}
