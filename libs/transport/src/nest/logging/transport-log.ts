import { Logger, type LoggerService } from '@nestjs/common';
import { escapeControls, escapeStack } from '../../contract/index.js';

/** The four levels the transport writes. */
export interface TransportLog {
  log(line: string): void;
  warn(line: string): void;
  error(line: string, stack?: string): void;
  debug(line: string): void;
}

const SILENT: TransportLog = { log: () => {}, warn: () => {}, error: () => {}, debug: () => {} };
const CONTEXT = 'Transport';

/**
 * Nest's logger under the context "Transport", the one that was given, or none for `false`.
 * Each line is one line: ids, keys and errors hold text of other programs, and their control characters are escaped.
 */
export function createLog(logger: LoggerService | false | undefined): TransportLog {
  if (logger === false) return SILENT;
  const log = logger === undefined ? new Logger(CONTEXT) : withContext(logger);
  return {
    log: (line) => log.log(escapeControls(line)),
    warn: (line) => log.warn(escapeControls(line)),
    error: (line, stack) => log.error(escapeControls(line), stack === undefined ? undefined : escapeStack(stack)),
    debug: (line) => log.debug(escapeControls(line)),
  };
}

function withContext(logger: LoggerService): TransportLog {
  return {
    log: (line) => logger.log(line, CONTEXT),
    warn: (line) => logger.warn(line, CONTEXT),
    error: (line, stack) => logger.error(line, stack, CONTEXT),
    debug: (line) => logger.debug?.(line, CONTEXT),
  };
}
