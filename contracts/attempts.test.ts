import { describe, expect, it } from 'vitest';
import { attemptKeys, attemptName, earlierAttempts, objectStem } from './attempts.ts';

const RUN = '019ab7d2-5b1c-7c3e-9f60-1234567890ab';

describe('earlierAttempts', () => {
  it.each([
    [objectStem('flights', 0, RUN, 1), 'csv'],
    [objectStem('networks', 12_345, RUN, 1), 'jsonl.zst.age'],
    [objectStem('user_2', 0, RUN, 3), 'json.age'],
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
