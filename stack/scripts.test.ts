import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { z } from 'zod';

const file = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
const { scripts } = z.object({ scripts: z.record(z.string(), z.string()) }).parse(JSON.parse(file));

// npm hands SIGTERM to the shell it starts, which dies without signalling its child: every server would keep running.
test.each(['start', 'dev', 'demo'])('npm run %s leaves no shell between npm and the stack', (name) => {
  expect(scripts[name]).toMatch(/^exec node stack\//);
});
