// VitePress asks here which pages come of "[door].md", and what stands in them.
import { fileURLToPath } from 'node:url';
import { textsOfDoors } from '../.vitepress/api.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));

export default {
  paths: async () => [...(await textsOfDoors(root))].map(([door, content]) => ({ params: { door }, content })),
};
