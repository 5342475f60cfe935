// Runs TypeScript from source:
//   node --conditions=nest-transport:source --import ./tools/typescript-loader.mjs apps/demo/src/main.ts
// The condition makes `nest-transport` mean libs/transport/src; this file makes Node read it.
import { register } from 'node:module';

register('./typescript-hooks.mjs', import.meta.url);
