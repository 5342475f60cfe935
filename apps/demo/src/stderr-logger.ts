import { ConsoleLogger, type LogLevel } from '@nestjs/common';

/** Nest's log, warnings and errors only, on stderr: stdout is for what the demo itself has to say. */
export class StderrLogger extends ConsoleLogger {
  constructor() {
    super({ logLevels: ['warn', 'error', 'fatal'] });
  }

  protected override printMessages(messages: unknown[], context?: string, level?: LogLevel): void {
    super.printMessages(messages, context, level, 'stderr');
  }
}
