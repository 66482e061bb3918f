import { copyFileSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { checkChain } from './chain.ts';
import { dayAt, splitFile } from './chain-fixture.ts';
import { fourDays, user } from './four-days-fixture.ts';
import { findDays } from './tree.ts';

const rows = [
  ['1', 'plain'],
  ['2', 'with\na line break and "quotes"'],
  ['3', ''],
  ['4', null],
  ['5', 'last'],
];

/** A fifth day, whose five rows are split into pieces of two. */
async function splitDay() {
  const { root, writer, at } = fourDays();
  writer.deliver(dayAt(4), [user(96, 120, { rows, deleted: ['7', '8', '9'] }), user(96, 120, { entity: 'event' })]);
  await splitFile(at('05/user/user.csv'), 2);
  await splitFile(at('05/user/user.deleted.csv'), 2);
  return { root, at: (name: string) => at(`05/user/${name}`) };
}

type Place = Awaited<ReturnType<typeof splitDay>>;
const problemsOf = async ({ root }: Place) => {
  const { problems, entities } = await checkChain(findDays(root), undefined);
  return { texts: problems.map(({ text }) => text), states: entities.map(({ state }) => state) };
};

test('a day whose files a push has split is proven like a whole one', async () => {
  expect(await problemsOf(await splitDay())).toEqual({ texts: [], states: ['complete', 'complete'] });
});

const append = (path: string, text: string) => writeFileSync(path, text, { flag: 'a' });

test.each<[string, (place: Place) => void, readonly string[]]>([
  ['the first piece is missing', ({ at }) => rmSync(at('user_0001.csv')), ['user_0001.csv is missing.']],
  ['a piece in the middle is missing', ({ at }) => rmSync(at('user_0002.csv')), ['user_0002.csv is missing.']],
  [
    'the last piece is missing',
    ({ at }) => rmSync(at('user_0003.csv')),
    ['user.csv in 2 pieces has 61 bytes instead of 68.', 'user/user_0003.csv.sha256 is not in the manifest.'],
  ],
  [
    'all pieces are missing',
    ({ at }) => [1, 2].forEach((place) => void rmSync(at(`user.deleted_000${place}.csv`))),
    ['user.deleted.csv is missing.'],
  ],
  [
    'pieces are swapped',
    ({ at }) => {
      renameSync(at('user_0001.csv'), at('other'));
      renameSync(at('user_0002.csv'), at('user_0001.csv'));
      renameSync(at('other'), at('user_0002.csv'));
    },
    ['user.csv in 3 pieces has another SHA-256.', 'user/user_0001.csv.sha256 holds another hash than that piece has.'],
  ],
  [
    'a piece comes twice',
    ({ at }) => copyFileSync(at('user_0003.csv'), at('user_0004.csv')),
    ['user.csv in 4 pieces has more than 68 bytes.'],
  ],
  [
    'a row is added',
    ({ at }) => append(at('user_0003.csv'), '6,more\n'),
    ['user.csv in 3 pieces has more than 68 bytes.'],
  ],
  [
    'a piece is without its header',
    ({ at }) => writeFileSync(at('user_0003.csv'), '5,last\n'),
    ['user_0003.csv begins with another header than the first piece.'],
  ],
  [
    'the end of a piece has moved into a row',
    ({ at }) => {
      const [header = '', ...lines] = readFileSync(at('user_0002.csv'), 'utf8').split(/(?<=\n)/);
      append(at('user_0001.csv'), '3,');
      writeFileSync(at('user_0002.csv'), `${header}${lines.join('').slice(2)}`);
    },
    ['user_0001.csv ends inside a row.'],
  ],
  [
    'the hash of a piece is wrong',
    ({ at }) => writeFileSync(at('user_0002.csv.sha256'), `${'0'.repeat(64)}  user_0002.csv\n`),
    ['user/user_0002.csv.sha256 holds another hash than that piece has.'],
  ],
  [
    'the whole file is there too',
    ({ at }) => {
      const header = /^.*\n/;
      const pieces = [1, 2, 3].map((place) => readFileSync(at(`user_000${place}.csv`), 'utf8'));
      writeFileSync(
        at('user.csv'),
        pieces.map((text, place) => (place === 0 ? text : text.replace(header, ''))).join(''),
      );
    },
    [1, 2, 3].map((place) => `user/user_000${place}.csv is not in the manifest.`),
  ],
])('%s', async (_, change, expected) => {
  const place = await splitDay();
  change(place);
  const { texts, states } = await problemsOf(place);
  for (const text of expected) expect(texts).toContainEqual(expect.stringContaining(text));
  expect(states).toContain('broken');
});
