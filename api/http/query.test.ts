import { createRoute, z } from '@hono/zod-openapi';
import { expect, test } from 'vitest';
import { createApiApp, mount } from '../openapi.ts';
import { InvalidFields } from './field-errors.ts';
import { choiceParameter, flagParameter, textParameter } from './query.ts';

const description = 'For a test.';
const unknown = { code: 'unknown_file', title: 'No such file' } as const;
const route = createRoute({
  method: 'get',
  path: '/',
  request: {
    query: z.object({
      file: choiceParameter(['a', 'b'], unknown, { description }),
      sealed: flagParameter({ description }),
      text: textParameter({ description }),
    }),
  },
  responses: { 200: { description }, 400: { description } },
});

async function ask(query: string): Promise<unknown> {
  const app = createApiApp();
  app.onError((error, c) => c.json(error instanceof InvalidFields ? error.errors : String(error)));
  mount(app, route, [], (c) => c.json(c.req.valid('query')));
  return (await app.request(`/?${query}`)).json();
}

test.each([
  ['file=a', { file: 'a', sealed: false }],
  ['file=b&sealed=TRUE&text=x', { file: 'b', sealed: true, text: 'x' }],
  ['file=a&sealed=&text=', { file: 'a', sealed: false }],
  ['file=a&sealed=1', { file: 'a', sealed: true }],
  ['file=a&sealed=0', { file: 'a', sealed: false }],
])('%s is read', async (query, read) => {
  expect(await ask(query)).toEqual(read);
});

const missing = {
  field: 'file',
  code: 'missing_field',
  message: 'file is missing. Use one of a, b.',
  allowed: ['a', 'b'],
};
const noFlag = {
  field: 'sealed',
  code: 'invalid_field',
  message: 'sealed: Should be true or false.',
  allowed: ['true', 'false'],
};
const repeated = (field: string) => ({
  field,
  code: 'invalid_field',
  message: `${field}: Came more than once. Send it once.`,
});
const unknownName = (field: string) => ({
  field,
  code: 'unknown_field',
  message: `There is no query parameter ${field}. Remove it.`,
});

test.each([
  ['', [missing]],
  ['file=', [missing]],
  ['file=A', [{ field: 'file', code: 'unknown_file', message: 'No such file. Use one of a, b.', allowed: ['a', 'b'] }]],
  ['sealed=constructor', [missing, noFlag]],
  ['file=a&text=x&text=y', [repeated('text')]],
  ['text=x&text=x&sealed=2&file=a&file=a', [repeated('text'), repeated('file')]],
  [
    'file=a&Sealed=true&__proto__=2&x%0Ay=1',
    [unknownName('Sealed'), unknownName('__proto__'), unknownName('x\uFFFDy')],
  ],
])('%s is refused, with all errors of the first check that finds some', async (query, errors) => {
  expect(await ask(query)).toEqual(errors);
});
