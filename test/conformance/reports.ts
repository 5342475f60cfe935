import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ConformanceReport } from 'nest-transport/conformance';

/** Where the runs leave what they found, one file per driver: a cache folder, unless `TRANSPORT_CONFORMANCE_REPORTS` names another. */
export function reportsFolder(): string {
  const cache = fileURLToPath(new URL('../../node_modules/.cache/nest-transport/conformance', import.meta.url));
  return process.env['TRANSPORT_CONFORMANCE_REPORTS'] ?? cache;
}

/** Keeps the report of one driver, for the README's table. */
export function saveReport(report: ConformanceReport): void {
  mkdirSync(reportsFolder(), { recursive: true });
  writeFileSync(join(reportsFolder(), `${report.driver}.json`), `${JSON.stringify(report, null, 2)}\n`);
}

/** What is known of every driver that was run on this machine. */
export function readReports(folder = reportsFolder()): ConformanceReport[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .filter((file) => file.endsWith('.json'))
    .map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as ConformanceReport);
}
