import { SourceProcess } from './source-process.js';

describe('a start that fails', () => {
  it('ends the process with 1 and one sentence that says why and what to do, without a stack', async () => {
    const program = new SourceProcess('test/e2e/failing-app.ts', []);
    const ended = await program.exited;
    const output = program.stdout + program.stderr;
    expect({ ended, output }).toEqual({
      ended: 1,
      output: expect.stringContaining('ERROR [Transport] The transport could not start.'),
    });
    expect(output.match(/TRANSPORT_GUARANTEE_UNMET/g)).toHaveLength(1);
    expect(output).toMatch(
      /@Subscribe\("work"\) in Worker\.work.*guarantee 'at-least-once' is required.*Use a broker that stores messages/,
    );
    expect(output).not.toMatch(/^ {4}at /m);
  });

  it('shows the stack with NODE_DEBUG=nest-transport', async () => {
    const program = new SourceProcess('test/e2e/failing-app.ts', [], { NODE_DEBUG: 'nest-transport' });
    expect(await program.exited).toBe(1);
    expect(program.stderr).toMatch(/^ {4}at /m);
  });

  it('rejects with abortOnError: false, so that the application can act on it', async () => {
    const program = new SourceProcess('test/e2e/failing-app.ts', ['own']);
    const ended = await program.exited;
    expect({ ended, stdout: program.stdout }).toEqual({
      ended: 3,
      stdout: expect.stringContaining('rejected with TRANSPORT_GUARANTEE_UNMET'),
    });
  });
});
