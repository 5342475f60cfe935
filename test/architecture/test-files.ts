import type { SourceFile } from './tree.js';

/** Looks like a test to a person: by its name, or because it calls describe, it or test at the start of a line. */
export function looksLikeTest({ path, text }: SourceFile): boolean {
  if (!/\.(ts|tsx|js|mjs|cjs|mts|cts)\d*$/.test(path)) return false;
  const name = path.split('/').at(-1) ?? '';
  return (
    /[.\-_](spec|test)\d*\.\w+$/i.test(name) ||
    (path.startsWith('test/') && /^(describe|it|test)(\.\w+)?\(/m.test(text))
  );
}

/** A test that is left out says why on its own line; one that leaves out all others is never committed. */
export function unexplainedSkips({ path, text }: SourceFile): string[] {
  return text.split('\n').flatMap((line, i) => {
    if (/\b(describe|it|test)\.only\b|\b(fit|fdescribe)\(/.test(line))
      return [`${path}:${i + 1} leaves out every other test`];
    const skips = /\b(describe|it|test)\.(skip|todo|failing)\b|\bx(it|test|describe)\(/.test(line);
    return skips && !/\/\/ *\S.{14,}/.test(line) ? [`${path}:${i + 1} is left out without a reason on its line`] : [];
  });
}
