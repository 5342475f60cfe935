/** Enough of Node's HTTP server; one of HTTP/2 has no `closeAllConnections`. */
interface HttpServer {
  readonly listening?: boolean;
  closeAllConnections?(): void;
  getConnections?(callback: (error: unknown, count: number) => void): void;
}

/**
 * Closes the HTTP connections that are still open `afterMs` after a shutdown started, such as streams of server-sent events:
 * Nest waits for their end without a limit, and so would the transport's own close.
 * @param report how many there were
 */
export function limitConnections(
  server: HttpServer | undefined,
  afterMs: number,
  report: (count: number) => void,
): void {
  if (server?.listening !== true) return;
  const close = (): void => {
    server.getConnections?.((_, count) => {
      if (count === 0) return;
      report(count);
      server.closeAllConnections?.();
    });
  };
  // Why unref: where nothing is open, the process ends before.
  setTimeout(close, afterMs).unref();
}
