import type { ApplicationConfig } from '@nestjs/core';
import type { NestMicroservice } from '@nestjs/microservices';
import { TransportError } from '../../contract/index.js';
import { CaptureFilter } from './capture.filter.js';

/**
 * Gives the microservice of a hybrid application the application's global guards, pipes, interceptors and filters, behind a
 * filter that keeps original errors. A copy, because a shared configuration would put that filter on HTTP routes as well.
 */
export function copyGlobals(from: ApplicationConfig, microservice: NestMicroservice): void {
  microservice.useGlobalFilters(new CaptureFilter(), ...from.getGlobalFilters());
  microservice.useGlobalPipes(...from.getGlobalPipes());
  microservice.useGlobalInterceptors(...from.getGlobalInterceptors());
  microservice.useGlobalGuards(...from.getGlobalGuards());
  copyRequestScoped(from, microservice);
}

/** Copies `APP_GUARD` and its like in request scope. Nest has no public API for it, so this uses its configuration object. */
function copyRequestScoped(from: ApplicationConfig, microservice: NestMicroservice): void {
  const guards = from.getGlobalRequestGuards();
  const pipes = from.getGlobalRequestPipes();
  const interceptors = from.getGlobalRequestInterceptors();
  const filters = from.getGlobalRequestFilters();
  if (guards.length + pipes.length + interceptors.length + filters.length === 0) return;
  const to = (microservice as unknown as { readonly applicationConfig?: ApplicationConfig }).applicationConfig;
  if (to === undefined) throw cannotCopy();
  guards.forEach((guard) => to.addGlobalRequestGuard(guard));
  pipes.forEach((pipe) => to.addGlobalRequestPipe(pipe));
  interceptors.forEach((interceptor) => to.addGlobalRequestInterceptor(interceptor));
  filters.forEach((filter) => to.addGlobalRequestFilter(filter));
}

function cannotCopy(): TransportError {
  return new TransportError(
    'TRANSPORT_NOT_CONNECTED',
    'connectTransport cannot apply request-scoped global guards, pipes, interceptors or filters to message handlers: this version of @nestjs/microservices stores its configuration elsewhere. Make them singletons, or set them on the controllers.',
  );
}
