import { describe, expect, it } from 'vitest';
import { attemptKeys, attemptName, earlierAttempts, generationFileStem, partStem } from './attempts.ts';

const RUN = '019ab7d2-5b1c-7c3e-9f60-1234567890ab';

describe('earlierAttempts', () => {
  it.each([
    [partStem(0, RUN), 'csv'],
    [partStem(12_345, RUN), 'jsonl.zst.age'],
    [generationFileStem('user_2', RUN, 3), 'json.age'],
  ])('of %s.%s are all before the one that is named, and none before the first', (stem, extension) => {
    for (const attempt of [2, 3, 12]) {
      const earlier = earlierAttempts(attemptName({ stem, extension }, attempt));
      expect(earlier).toEqual({ stem, extension, attempts: attempt - 1 });
      expect(earlier && attemptKeys('', [earlier])).toEqual(
        Array.from({ length: attempt - 1 }, (_, place) => `${stem}-${place + 1}.${extension}`),
      );
    }
    expect(earlierAttempts(attemptName({ stem, extension }, 1))).toBeUndefined();
  });

  it('takes no other object for an attempt', () => {
    expect(earlierAttempts('manifest.json')).toBeUndefined();
  });
});
