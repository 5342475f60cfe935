/**
 * The table of stages, and the last line, alone and in a shape that other programs read: `12 passed, 0 failed, 1 skipped`.
 * @param {readonly import('./stage-runner.mjs').Result[]} results
 * @param {number} ms from the start to the end of the whole run
 */
export function summary(results, ms) {
  const rows = results.map(({ name, ms, passed, failed, skipped, note = '' }) => [
    failed > 0 ? 'FAIL' : note.includes('missing') ? 'skip' : 'ok',
    name,
    seconds(ms),
    ...[passed, failed, skipped].map((count) => (count === 0 ? '' : String(count))),
    note,
  ]);
  const table = layOut([['', 'stage', 'time', 'passed', 'failed', 'skipped', ''], ...rows]);
  const sum = (/** @type {'passed' | 'failed' | 'skipped'} */ key) =>
    results.reduce((total, result) => total + result[key], 0);
  const time = `Time: ${seconds(ms)}. Stages run side by side; the time of a stage with tests is that of its files, added up.`;
  return `\n${table}\n\n${time}\n\n${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped\n`;
}

/** @param {number} ms */
const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

/** @param {string[][]} rows */
function layOut(rows) {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
