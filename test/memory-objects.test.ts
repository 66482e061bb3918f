import { createMemoryObjects } from './memory-objects.ts';
import { describeObjects } from './suites/objects.ts';

const objects = createMemoryObjects();

describeObjects('the object store in memory', {
  objects,
  partBytes: Number.POSITIVE_INFINITY,
  contentTypeOf: async (key) => objects.contentTypes.get(key),
  openUploads: async () => 0,
});
