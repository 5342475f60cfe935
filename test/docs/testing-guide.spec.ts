import { read } from '../architecture/tree.js';

test('the guide for tests of your own shows a test file as it is run here', () => {
  const example = read('test/docs/testing-example.spec.ts').text.trim();
  expect(read('docs/guides/testing.md').text).toContain(example);
});
