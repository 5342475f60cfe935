import { posix } from 'node:path';
import type { Tree } from '@angular-devkit/schematics';

const IGNORED = 'node_modules\ndist\n.git\n';

/** A Dockerfile for an application, and what it must not copy; where they are missing. It is built from the root of the project. */
export function writeDockerfile(tree: Tree, root: string, main: string): void {
  const file = posix.join(root, 'Dockerfile');
  if (!tree.exists(file)) tree.create(file, textOf(file, root, main));
  if (!tree.exists('.dockerignore')) tree.create('.dockerignore', IGNORED);
}

const textOf = (file: string, root: string, main: string): string => `# docker build --file ${file} .
FROM node:24-alpine AS build
WORKDIR /app
COPY package*.json ./
RUN npm ci
COPY . .
RUN npx nest build${root === '.' ? '' : ` ${posix.basename(root)}`} && npm prune --omit=dev

FROM node:24-alpine
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
USER node
EXPOSE 3000
# Node itself, not npm: SIGTERM has to reach the process that drains.
CMD ["node", "${main}"]
`;
