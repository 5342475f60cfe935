import ts from 'typescript';
import { promisesToUsers } from './users-guarantees.js';
import { UsersFolder } from './users-folder.js';
import { ON_MEMORY, usersService } from './users-service.js';

describe('in an ES module project on Nest 12, installed from the tarball', () => {
  let folder: UsersFolder;
  beforeAll(async () => {
    folder = await UsersFolder.installed({
      type: 'module',
      packages: [
        '@nestjs/common@^12',
        '@nestjs/core@^12',
        '@nestjs/microservices@^12',
        '@nestjs/platform-express@^12',
        'reflect-metadata',
        'rxjs',
      ],
    });
  }, 300_000);
  afterAll(() => folder.remove());

  promisesToUsers(() => folder);

  it('has types for a project with moduleResolution nodenext', () => {
    folder.write('typed.ts', usersService(ON_MEMORY));
    const options = { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext };
    expect(folder.typeErrors('typed', options)).toEqual([]);
  });
});
