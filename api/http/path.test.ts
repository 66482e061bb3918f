import { expect, test } from 'vitest';
import { routingPath } from './path.ts';

test.each([
  ['/exports', '/exports'],
  ['/exports/', '/exports'],
  ['//exports///a//file', '/exports/a/file'],
  ['/tp-api/exports?id=a//b', '/exports'],
  ['/tp-api//exports/x', '/exports/x'],
  ['/tp-api', '/'],
  ['/tp-apis/exports', '/tp-apis/exports'],
  ['/', '/'],
  ['/exports/a%2Fb', '/exports/a%2Fb'],
  ['/exports/a%2F%2Fb', '/exports/a%2F%2Fb'],
])('%s is routed as %s', (target, path) => {
  expect(routingPath(new Request(`http://waybill.test${target}`))).toBe(path);
});
