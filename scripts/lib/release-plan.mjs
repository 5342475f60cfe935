/** What a release needs to know of the clone. Nothing here reads a file or starts a program. */

/**
 * @typedef {object} Manifest
 * @property {string} name
 * @property {string} version
 * @property {unknown} [repository]
 *
 * @typedef {object} Clone
 * @property {Manifest} manifest of the package
 * @property {string} changelog
 * @property {string} status output of `git status --porcelain`
 * @property {readonly string[]} tags
 */

const VERSION = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([\w.-]+))?$/;
export const UNRELEASED = '## Unreleased';

/**
 * Everything that stands in the way of a release, one sentence each.
 * @param {Clone} clone
 * @returns {string[]}
 */
export function obstacles({ manifest, changelog, status, tags }) {
  const { version, repository } = manifest;
  if (!isReleasable(version)) return [`Version ${version} cannot be released. Run: npm run release -- --prepare 0.1.0`];
  const section = sectionOf(changelog, version);
  const changed = status.split('\n').filter(Boolean);
  return [
    ...(changed.length === 0
      ? []
      : [
          `The working tree is not clean (${changed.length} files, for example ${changed[0]?.slice(3)}). Commit first.`,
        ]),
    ...(tags.includes(`v${version}`) ? [`Version ${version} is released already: there is a tag v${version}.`] : []),
    ...(section === undefined
      ? [
          `CHANGELOG.md has no section "## ${version} - <date>". Run: npm run release -- --prepare ${version}, and commit.`,
        ]
      : []),
    ...(section === '' ? [`The section ${version} of CHANGELOG.md is empty.`] : []),
    ...(repository === undefined ? ['package.json has no repository, which the provenance statement names.'] : []),
  ];
}

/** @param {string} version @returns {boolean} a semantic version, 0.1.0 or later */
export function isReleasable(version) {
  const [, major, minor] = VERSION.exec(version) ?? [];
  return major !== undefined && (major !== '0' || minor !== '0');
}

/**
 * @param {string} changelog
 * @param {string} version
 * @returns {string | undefined} the text below the heading of the version; undefined where it has no dated heading
 */
export function sectionOf(changelog, version) {
  const lines = changelog.split('\n');
  const start = lines.findIndex((line) => line.startsWith(`## ${version} - `) && /\d{4}-\d\d-\d\d$/.test(line));
  if (start === -1) return undefined;
  const length = lines.slice(start + 1).findIndex((line) => line.startsWith('## '));
  return lines
    .slice(start + 1, length === -1 ? undefined : start + 1 + length)
    .join('\n')
    .trim();
}

/**
 * The changelog in which what is unreleased belongs to a version.
 * @param {string} changelog
 * @param {string} version
 * @param {string} date `2026-12-01`
 */
export function withSection(changelog, version, date) {
  if (!changelog.includes(`\n${UNRELEASED}\n`)) throw new Error(`CHANGELOG.md has no line "${UNRELEASED}".`);
  return changelog.replace(`\n${UNRELEASED}\n`, `\n${UNRELEASED}\n\n## ${version} - ${date}\n`);
}

/**
 * The command that publishes, for a CI job with `id-token: write`.
 * @param {Manifest} manifest
 * @param {string} tarball
 */
export const publishCommand = ({ version }, tarball) =>
  `npm publish ${tarball} --provenance --access public --tag ${version.includes('-') ? 'next' : 'latest'}`;
