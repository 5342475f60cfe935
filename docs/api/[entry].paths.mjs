// VitePress asks here which pages come of "[entry].md", and what stands in them.
import { fileURLToPath } from 'node:url';
import { textsOfEntryPoints } from '../.vitepress/api.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));

export default {
  paths: async () =>
    [...(await textsOfEntryPoints(root))].map(([entryPoint, content]) => ({ params: { entry: entryPoint }, content })),
};
