import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../architecture/tree.js';
import type { Reports } from './reports.js';

/** Where the reports are kept, in git. */
const FOLDER = join(root, 'libs/transport/api');
const ENDING = '.api.md';
/** The one command that accepts what changed. */
export const ACCEPT = 'npm run api -- --write';

export function keptReports(): Reports {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith(ENDING));
  return new Map(files.map((file) => [file.slice(0, -ENDING.length), readFileSync(join(FOLDER, file), 'utf8')]));
}

export function keep(reports: Reports): void {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  for (const [name, text] of reports) writeFileSync(join(FOLDER, name + ENDING), text);
}

/** What changed, line by line; empty when nothing did. */
export function changes(kept: Reports, now: Reports): string {
  const names = [...new Set([...kept.keys(), ...now.keys()])].sort();
  const changed = names.flatMap((name) => {
    const [before, after] = [kept.get(name) ?? '', now.get(name) ?? ''];
    return before === after ? [] : [`${name}:`, ...differences(before.split('\n'), after.split('\n'))];
  });
  if (changed.length === 0) return '';
  const advice = `The public surface changed. If that is meant, accept it and commit libs/transport/api:\n\n  ${ACCEPT}\n`;
  return [advice, ...changed].join('\n');
}

/** Lines that one of them has and the other has not. */
function differences(before: readonly string[], after: readonly string[]): string[] {
  const gone = without(before, after).map((line) => `  - ${line}`);
  const come = without(after, before).map((line) => `  + ${line}`);
  return gone.length + come.length === 0 ? ['  the order of its lines'] : [...gone, ...come];
}

function without(lines: readonly string[], others: readonly string[]): string[] {
  const left = new Map<string, number>();
  for (const line of others) left.set(line, (left.get(line) ?? 0) + 1);
  return lines.filter((line) => {
    const count = left.get(line) ?? 0;
    left.set(line, count - 1);
    return count <= 0 && line !== '';
  });
}
