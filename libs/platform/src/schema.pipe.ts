import { BadRequestException, type PipeTransform } from '@nestjs/common';
import { z } from 'zod';

/** Checks the body of an HTTP request; an error names the fields that are wrong. */
export class SchemaPipe<Out> implements PipeTransform<unknown, Out> {
  constructor(private readonly schema: z.ZodType<Out>) {}

  transform(value: unknown): Out {
    const result = this.schema.safeParse(value);
    if (result.success) return result.data;
    throw new BadRequestException({ statusCode: 400, error: 'Bad Request', message: z.prettifyError(result.error) });
  }
}
