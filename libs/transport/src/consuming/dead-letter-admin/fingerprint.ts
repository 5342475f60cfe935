/**
 * Returns what errors with the same cause share: the name, and the message without the parts that vary (ids, numbers,
 * quoted values). Two dead letters with the same fingerprint most likely have the same fix.
 */
export function fingerprintOf(errorName: string, errorMessage: string): string {
  const common = errorMessage
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi, '<id>')
    .replace(/"[^"]*"|'[^']*'|`[^`]*`/g, '<text>')
    .replace(/\b(?=[0-9a-f]*\d)[0-9a-f]{8,}\b/gi, '<id>')
    .replace(/\d+/g, '<number>');
  return `${errorName}: ${common}`;
}
