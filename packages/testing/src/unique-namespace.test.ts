import { expect, it } from 'vitest';
import { uniqueNamespace } from './unique-namespace.js';

it('gives another namespace at each call', () => {
  const namespaces = Array.from({ length: 1000 }, () => uniqueNamespace());
  expect(new Set(namespaces).size).toBe(1000);
  for (const namespace of namespaces) expect(namespace).toMatch(/^t-[a-z0-9]{8}$/);
});

it('starts it with the prefix', () => {
  expect(uniqueNamespace('groups-2')).toMatch(/^groups-2-[a-z0-9]{8}$/);
});

it.each(['', 'Groups', '2nd', 'a:b', 'a b', '-a'])('refuses the prefix "%s"', (prefix) => {
  expect(() => uniqueNamespace(prefix)).toThrow(TypeError);
});
