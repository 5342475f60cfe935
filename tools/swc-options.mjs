/**
 * How TypeScript becomes JavaScript when nothing is built: one answer for the loader and for Jest,
 * so that a class never behaves differently in a test than under `nest start`.
 * @satisfies {import('@swc/core').Options}
 */
export const swcOptions = {
  jsc: {
    parser: { syntax: /** @type {const} */ ('typescript'), decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true },
    target: /** @type {const} */ ('es2023'),
    keepClassNames: true,
  },
  module: { type: /** @type {const} */ ('es6') },
  sourceMaps: /** @type {const} */ ('inline'),
  // The options above are the whole truth: a .swcrc that someone leaves in a folder changes nothing.
  swcrc: false,
  configFile: false,
};
