import { Logger, type LoggerService } from '@nestjs/common';

/** The four levels the transport writes. */
export interface TransportLog {
  log(line: string): void;
  warn(line: string): void;
  error(line: string, stack?: string): void;
  debug(line: string): void;
}

const SILENT: TransportLog = { log: () => {}, warn: () => {}, error: () => {}, debug: () => {} };
const CONTEXT = 'Transport';

/** Nest's logger under the context "Transport", the one that was given, or none for `false`. */
export function createLog(logger: LoggerService | false | undefined): TransportLog {
  if (logger === false) return SILENT;
  if (logger === undefined) return new Logger(CONTEXT);
  return {
    log: (line) => logger.log(line, CONTEXT),
    warn: (line) => logger.warn(line, CONTEXT),
    error: (line, stack) => logger.error(line, stack, CONTEXT),
    debug: (line) => logger.debug?.(line, CONTEXT),
  };
}
