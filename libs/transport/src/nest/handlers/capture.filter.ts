import { Catch, type ExceptionFilter } from '@nestjs/common';
import { throwError, type Observable } from 'rxjs';

/**
 * Hands an error on as it is. Nest's own last filter would turn it into "Internal server error", and nobody could tell
 * a payload that never will fit from a database that is away for a minute.
 *
 * It must be the least specific filter: whatever a user's filter takes, it does not see (docs/adr/0004).
 */
@Catch()
export class CaptureFilter implements ExceptionFilter {
  catch(error: unknown): Observable<never> {
    return throwError(() => error);
  }
}
