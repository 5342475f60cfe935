import type { INestApplication, INestMicroservice } from '@nestjs/common';

/** An application under test: with HTTP, or messages only. */
export type TestApplication = INestApplication | INestMicroservice;
