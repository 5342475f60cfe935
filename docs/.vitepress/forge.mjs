/**
 * The anchor of a heading as forges make it, so that `[x](page.md#heading)` leads to the same place on the site.
 * A heading that comes twice gets "-1"; who calls adds that.
 * @param {string} heading its text, without marks of links
 */
export const slugOf = (heading) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-');
