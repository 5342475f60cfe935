/**
 * The table of stages, and the last line, alone and in a shape that other programs read: `12 passed, 0 failed, 1 skipped`.
 * @param {readonly import('./stage-runner.mjs').Result[]} results
 */
export function summary(results) {
  const rows = results.map(({ name, ms, passed, failed, skipped, note = '' }) => [
    failed > 0 ? 'FAIL' : note.includes('missing') ? 'skip' : 'ok',
    name,
    `${(ms / 1000).toFixed(1)} s`,
    ...[passed, failed, skipped].map((count) => (count === 0 ? '' : String(count))),
    note,
  ]);
  const table = layOut([['', 'stage', 'time', 'passed', 'failed', 'skipped', ''], ...rows]);
  const sum = (/** @type {'passed' | 'failed' | 'skipped'} */ key) =>
    results.reduce((total, result) => total + result[key], 0);
  return `\n${table}\n\n${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped\n`;
}

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
