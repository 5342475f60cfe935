import { Catch, type ExceptionFilter } from '@nestjs/common';
import { throwError, type Observable } from 'rxjs';

/**
 * Passes an error on unchanged. Nest's own last filter would replace it with "Internal server error", which hides
 * whether the failure is permanent (an invalid payload) or temporary (an unreachable database).
 *
 * It must be the least specific filter: it must not see errors that a user's filter handles (docs/adr/0004).
 */
@Catch()
export class CaptureFilter implements ExceptionFilter {
  catch(error: unknown): Observable<never> {
    return throwError(() => error);
  }
}
