import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { fetchGeneration, GenerationReplaced } from './fetch-generation.ts';

let directory: string;

beforeEach(() => {
  const scratch = mkdtempSync(join(tmpdir(), 'waybill-cli-'));
  onTestFinished(() => rmSync(scratch, { recursive: true, force: true }));
  directory = join(scratch, 'export');
});

async function* content(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

async function* broken(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('begin');
  throw new Error('broken off');
}

/** What the manifest says of an object with this content. */
const object = (text: string) => ({
  parts: [{ name: 'object.age', bytes: text.length, sha256: createHash('sha256').update(text).digest('hex') }],
});

function target(
  ask: (index: number) => { generationId: string | null; content: AsyncIterable<Uint8Array> },
  [user = 'x', year = 'x']: readonly string[] = [],
) {
  return {
    directory,
    names: ['user.csv', 'year.csv'],
    manifest: Buffer.from('{}'),
    stored: [object(user), object(year)],
    generationId: 'g1',
    identity: undefined,
    ask: async (index: number) => ({ ...ask(index), cancel: async () => undefined }),
  };
}

describe('all files of a generation', () => {
  test('are saved together', async () => {
    const sizes = await fetchGeneration(
      target((i) => ({ generationId: 'g1', content: content('x'.repeat(i + 1)) }), ['x', 'xx']),
    );
    expect(sizes).toEqual([1, 2]);
    expect(readdirSync(directory).sort()).toEqual(['manifest.json', 'user.csv', 'year.csv']);
    expect(readFileSync(join(directory, 'manifest.json'), 'utf8')).toBe('{}');
  });

  test('replace what is there, and leave the rest alone', async () => {
    await fetchGeneration(target(() => ({ generationId: 'g1', content: content('old') }), ['old', 'old']));
    writeFileSync(join(directory, 'mine.txt'), 'mine');
    await fetchGeneration(target(() => ({ generationId: 'g1', content: content('new') }), ['new', 'new']));
    expect(readdirSync(directory).sort()).toEqual(['manifest.json', 'mine.txt', 'user.csv', 'year.csv']);
    expect(readFileSync(join(directory, 'year.csv'), 'utf8')).toBe('new');
  });

  test.each([
    [
      'of another generation',
      (i: number) => ({ generationId: `g${i + 1}`, content: content('x') }),
      GenerationReplaced,
    ],
    [
      'of an unknown generation',
      (i: number) => ({ generationId: i === 0 ? 'g1' : null, content: content('x') }),
      GenerationReplaced,
    ],
    ['broken off', (i: number) => ({ generationId: 'g1', content: i === 0 ? content('x') : broken() }), Error],
  ])('are none when the second is %s', async (_, ask, failure) => {
    await expect(fetchGeneration(target(ask))).rejects.toBeInstanceOf(failure);
    expect(readdirSync(directory)).toEqual([]);
  });

  describe('that are checked against the manifest', () => {
    const fetched = (second: string) =>
      fetchGeneration(
        target((i) => ({ generationId: 'g1', content: content(i === 0 ? 'one' : second) }), ['one', 'two']),
      );

    test('are saved when they fit', async () => {
      expect(await fetched('two')).toEqual([3, 3]);
    });

    test.each(['twO', 'tw', 'twos', ''])('are none when one is %j', async (second) => {
      await expect(fetched(second)).rejects.toMatchObject({
        code: 'object_damaged',
        message: expect.stringContaining('year.csv'),
      });
      expect(readdirSync(directory)).toEqual([]);
    });
  });

  test('need a place', async () => {
    writeFileSync(join(directory, '..', 'file'), '');
    const nowhere = {
      ...target(() => ({ generationId: 'g1', content: content('x') })),
      directory: join(directory, '..', 'file'),
    };
    await expect(fetchGeneration(nowhere)).rejects.toThrow('cannot be written');
    expect(existsSync(directory)).toBe(false);
  });
});
