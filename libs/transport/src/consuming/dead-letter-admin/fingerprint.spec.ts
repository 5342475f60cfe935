import { fingerprintOf } from './fingerprint.js';

test.each([
  ['no stock for sku "a-1"', 'no stock for sku "b-77"'],
  ['order 17 is paid', 'order 4711 is paid'],
  ['row 0190a3c1-7d3e-7cc0-8f3a-0242ac120002 is locked', 'row 0190a3c1-7d3e-7cc0-8f3a-0242ac120003 is locked'],
  ['object 507f1f77bcf86cd799439011 is gone', 'object 507f191e810c19729de860ea is gone'],
])('errors with one cause have one fingerprint: %s', (one, other) => {
  expect(fingerprintOf('Error', one)).toBe(fingerprintOf('Error', other));
});

test.each([
  ['Error', 'no stock', 'RangeError', 'no stock'],
  ['Error', 'no stock', 'Error', 'no money'],
  ['Error', 'defaced', 'Error', 'effaced'],
])(
  'errors with different causes have different fingerprints: %s %s, %s %s',
  (name, message, otherName, otherMessage) => {
    expect(fingerprintOf(name, message)).not.toBe(fingerprintOf(otherName, otherMessage));
  },
);
