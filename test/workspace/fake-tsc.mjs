// Stands for the program that a command runs: says what it was given, and ends as FAKE_CHILD says.
const { FAKE_CHILD = 'end', npm_config_json, npm_config_registry, npm_lifecycle_event } = process.env;
const inherited = { npm_config_json, npm_config_registry, npm_lifecycle_event };
const report = () => process.stdout.write(`${JSON.stringify({ args: process.argv.slice(2), inherited })}\n`);
if (FAKE_CHILD !== 'serve') report();
if (FAKE_CHILD === 'exit 3') process.exit(3);
if (FAKE_CHILD === 'die') process.kill(process.pid, 'SIGKILL');
if (FAKE_CHILD === 'serve') {
  process.once('SIGTERM', () => {
    process.stdout.write('tidied up\n');
    process.exit(5);
  });
  setInterval(() => undefined, 2 ** 30);
  // Only now: who reads it may send the signal at once.
  report();
}
